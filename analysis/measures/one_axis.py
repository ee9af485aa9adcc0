"""Trials that differ along one numeric axis alone: which axes have such trials, and the groups of them."""

from __future__ import annotations

import pandas as pd

from analysis.results.axes import MOST_LABELS, Axes
from analysis.results.sweep import Sweep

FEWEST = 3  # values that are worth a curve: two are a difference, which the table has


def forms_lines(results: Sweep, done: pd.DataFrame, path: str) -> bool:
    """Return whether an axis has few values and varies alone."""
    return len(results.axes.order[path]) <= MOST_LABELS and varies_alone(results, done, path)


def varies_alone(results: Sweep, done: pd.DataFrame, path: str) -> bool:
    """Return whether an axis is numeric and some choice of all else completed with at least three of its values.

    Return False for a search, where a few values may come to lie in a row by chance.
    """
    axes = results.axes
    if any(trial.get("generation") is not None for trial in results.plan.get("trials", ())):
        return False
    if not axes.numeric(path) or len(axes.order[path]) < FEWEST:
        return False
    known = done[done[path] != ""]
    return bool((known["configuration"].groupby(_describe_others(axes, known, path)).nunique() >= FEWEST).any())


def group_by_others(axes: Axes, done: pd.DataFrame, path: str) -> list[tuple[str, pd.DataFrame]]:
    """Group the trials that have an axis by all other choices, in words."""
    known = done[done[path] != ""]
    return [(str(name), group) for name, group in known.groupby(_describe_others(axes, known, path), sort=False)]


def _describe_others(axes: Axes, trials: pd.DataFrame, path: str) -> pd.Series:
    """Describe all choices of each trial but that along one axis."""
    others = other_axes(axes, path)
    rows = trials[others].itertuples(index=False) if others else [()] * len(trials)
    names = [axes.describe(dict(zip(others, row, strict=True)), others) for row in rows]
    return pd.Series(names, trials.index, dtype=str)


def other_axes(axes: Axes, path: str) -> list[str]:
    """Return the varying axes but one."""
    return [other for other in axes.varying if other != path]
