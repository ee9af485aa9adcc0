"""Run a sweep under random faults and compare it with an undisturbed one: `python -m search.soak SPACE`.

process is the sweep as a process that can be watched and killed; faults lists what is done to it.
"""
