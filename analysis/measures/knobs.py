"""Accuracy of each configuration of a search along each hyperparameter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.constant_networks import drop_constant
from analysis.measures.one_axis import FEWEST, forms_lines
from analysis.results.axes import Axes
from analysis.results.metrics import describe_metric
from analysis.results.sweep import Sweep


class Knob(NamedTuple):
    """Configurations along one hyperparameter; accuracies are fractions at the selected epoch, or else the last."""

    name: str
    values: np.ndarray  # (n,)
    means: np.ndarray  # (n, metrics) over seeds
    errors: np.ndarray  # (n, metrics) NaN for one seed
    groups: list[str]  # (n,) the labels on axes that are not numeric, such as problem and subset


class Knobs(NamedTuple):
    """Panels with a row per hyperparameter and a column per metric."""

    titles: list[str]  # of the metrics
    knobs: list[Knob]


def collect_knobs(results: Sweep, metrics: list[str]) -> Knobs | None:
    """Collect the numeric axes that have many values or no line with all else equal; None without any."""
    axes, completed = results.axes, results.completed
    done = drop_constant(completed)
    several = [path for path in axes.method if axes.numeric(path) and len(axes.order[path]) >= FEWEST]
    many = [path for path in several if axes.drawn(path) or not forms_lines(results, completed, path)]
    plain = [p for p in axes.varying if not axes.drawn(p) and (p not in axes.method or not axes.numeric(p))]
    columns = [f"{results.checkpoint}_{metric}" for metric in metrics]
    knobs = [_build_knob(done[done[path] != ""], path, plain, axes, columns) for path in many]
    drawn = [knob for knob in knobs if len(knob.values) > 1]
    titles = [describe_metric(metric, results.attacks) for metric in metrics]
    return Knobs(titles, drawn) if drawn else None


def _build_knob(trials: pd.DataFrame, path: str, plain: list[str], axes: Axes, columns: list[str]) -> Knob:
    by = trials.groupby("configuration", sort=False)
    firsts, means, errors = by.first(), by[columns].mean(), by[columns].sem()
    groups = [axes.describe({name: row[name] for name in plain}, plain) for _, row in firsts.iterrows()]
    values = np.array([axes.number(path, label) for label in firsts[path]])
    return Knob(axes.short[path], values, means.to_numpy(float), errors.to_numpy(float), groups)
