"""Run, resume, extend or plan a sweep: `python -m search.run SPACE`.

driver does it, dry_run prints the plan, estimate says what the plan costs.
"""
