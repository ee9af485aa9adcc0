"""Stopping that knows robust training (search/schema/stopping.py is its block in the YAML).

In a sweep         steering, referee, judging: duds, exhaustion, finishing; decisions (their journal)
What it sees       entry, curves, phases
Finished sweeps    recorded, simulation, rules, halving
"""
