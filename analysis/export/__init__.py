"""Sweeps in the formats of other programs: CSV, Parquet, LaTeX and Optuna.

latex    tables of all configurations for a paper
study    a study that Optuna and its dashboard open
"""
