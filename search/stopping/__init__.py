"""Early stopping that knows robust training (search/schema/stopping.py is its block in the YAML).

robust_rule    what stops a configuration, and what is finished after all
controller     carries decisions between the trials of a sweep and the schedule
curves, phases what a rule sees of a configuration
decisions      their journal, on disk before anything acts on them
"""
