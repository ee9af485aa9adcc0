"""Run a sweep under random faults and compare it with an undisturbed one: `python -m search.soak SPACE`.

process    a sweep as a process that can be watched and killed
faults     what is done to it
"""
