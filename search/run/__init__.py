"""Run, resume, extend or plan a sweep: `python -m search.run SPACE`.

driver     run the sweep
dry_run    print the plan
estimate   compute what the plan costs
"""
