"""Replay stopping rules on finished sweeps: `python -m search.replay RUN`.

finished_sweep reads the records, rules lists what is compared, scoring says what each rule saves and loses.
"""
