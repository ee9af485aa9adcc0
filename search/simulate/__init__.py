"""Simulate the schedule of a sweep on many workers: `python -m search.simulate SPACE`.

schedule_table   simulate it, and print the totals
"""
