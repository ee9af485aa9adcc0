"""From a space to trainings in a tree of stages.

The plan           planner, plan, tree; made first: profiles, pretraining, starting; sources (data)
Refused early      consistency, checks, budgets (of attacks)
Who trains when    schedule, jobs, keeping (of states), makespan
"""
