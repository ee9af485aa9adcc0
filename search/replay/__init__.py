"""Replay stopping rules on finished sweeps: `python -m search.replay RUN`.

comparison       prints the table of each sweep
finished_sweep   reads the records of a sweep
policies         trains configurations as far as a rule or a baseline does
rules            lists the stopping rules and baselines that are compared
scoring          counts what each of them saves and loses
"""
