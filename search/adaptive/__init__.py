"""Configurations asked for while a sweep runs: rounds, asking, samplers, journal (Optuna's)."""
