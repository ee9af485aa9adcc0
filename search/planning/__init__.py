"""From a space to trials in a tree of stages.

planner, plan, jobs    the trials, what a worker gets of each
stage_tree, schedule, parting    which epochs are shared, which trial goes on next, and which axes let nothing be shared
retention              how long stored stages are kept
rankings, start_weights, datasets    what trials need before they start
measurements           the final attacks that each of them has or lacks
front_first            which of them an attack for the front has to measure
validation, consistency, attack_budgets, data_inspection    what is refused or noted before the start
"""
