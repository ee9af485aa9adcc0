"""Accuracy along a numeric axis of a grid: a few values, with everything else equal along a line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.constant_networks import drop_constant
from analysis.measures.one_axis import forms_lines, group_by_others, other_axes
from analysis.results.metrics import describe_metric
from analysis.results.sweep import Sweep

CHECKPOINTS = ("best", "last")


class GridLine(NamedTuple):
    """Accuracies along the axis for one choice of everything else, in fractions."""

    name: str
    labels: dict[str, str]  # of this choice: path -> label, in words
    positions: np.ndarray  # (n,) of its values among those of the axis
    means: np.ndarray  # (n, metrics, 2) over seeds, at the selected epoch (NaN without validation) and at the last
    errors: np.ndarray  # (n, metrics, 2) NaN for one seed


class Grid(NamedTuple):
    """An axis with its values, and a panel per metric."""

    path: str
    knob: str
    titles: list[str]  # of the metrics
    values: np.ndarray  # (values,) in order; one may be infinite
    labels: list[str]
    lines: list[GridLine]


def collect_grids(results: Sweep, metrics: list[str]) -> list[Grid]:
    """Collect a grid for each numeric axis with few values, but at least three, along which all else can be equal."""
    axes, done = results.axes, results.completed
    alive = drop_constant(done)
    found = [_build_grid(alive, path, results, metrics) for path in axes.method if forms_lines(results, done, path)]
    return [grid for grid in found if grid.lines]


def _build_grid(done: pd.DataFrame, path: str, results: Sweep, metrics: list[str]) -> Grid:
    axes = results.axes
    labels = list(axes.order[path])
    numbers = np.array([axes.number(path, label) for label in labels])
    columns = [f"{which}_{metric}" for metric in metrics for which in CHECKPOINTS]
    shape, lines = (-1, len(metrics), len(CHECKPOINTS)), []
    for name, group in group_by_others(axes, done, path):
        by = group.groupby(path)[columns]
        means, errors = by.mean(), by.sem()
        present = [label for label in labels if label in means.index]
        if len(present) > 1:
            positions = np.array([labels.index(label) for label in present])
            values = (table.loc[present].to_numpy(float).reshape(shape) for table in (means, errors))
            first = group.iloc[0]
            choice = {other: axes.describe({other: first[other]}, (other,)) for other in other_axes(axes, path)}
            lines.append(GridLine(name, choice, positions, *values))
    return Grid(
        path, axes.short[path], [describe_metric(metric, results.attacks) for metric in metrics], numbers, labels, lines
    )
