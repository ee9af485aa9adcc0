"""Measure what the search itself costs: `python -m search.bench`. The parts it measures are in measurements."""
