"""Run, resume, extend or plan a sweep: `python -m search.run SPACE`.

driver     run the sweep
dry_run    print the plan
estimate   compute what the plan costs
attack_costs    count what AutoAttack takes in it, and what may be left out
"""
