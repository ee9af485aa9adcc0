"""From a space to trainings in a tree of stages.

The plan           planner, plan, tree; made first: profiles, pretraining, starting; sources (data)
Refused or noted   consistency, checks, budgets (of attacks), contents (of the data)
Who trains when    schedule, jobs, keeping (of states), makespan
"""
