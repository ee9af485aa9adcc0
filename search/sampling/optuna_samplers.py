"""Optuna's samplers over axes, and draws that do not learn from results."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from search.schema.axes import Axis, AxisPoint, draw_qmc_points, draw_random_points
from search.schema.blocks import Search


def build_sampler(search: Search, generation: int) -> BaseSampler:
    """Return the sampler of one generation; its proposals depend only on (seed, generation) and the study's history.

    GP models axes without conditions and draws the others at random. Optuna reads constraints from the trials that
    were told.
    """
    seed = int(np.random.SeedSequence([search.seed, generation]).generate_state(1)[0])
    random = max(4, search.generation // 2)  # the second generation learns, unless most of the first failed
    if search.strategy == "tpe":
        conditional = any(axis.when for axis in search.axes.values())
        return TPESampler(seed=seed, n_startup_trials=random, multivariate=True, group=conditional)
    if search.strategy == "nsga2":
        return NSGAIISampler(seed=seed, population_size=search.generation)
    if search.strategy == "gp":
        return GPSampler(seed=seed, n_startup_trials=random, warn_independent_sampling=False)
    return RandomSampler(seed=seed)  # never used: all points are enqueued


def draw_all_points(search: Search) -> list[AxisPoint] | None:
    """Return all points of a strategy that does not learn from results; None for an adaptive one."""
    if search.strategy == "random":
        return draw_random_points(search.axes, search.trials or 0, search.seed)
    if search.strategy == "qmc":
        return draw_qmc_points(search.axes, search.trials or 0, search.seed)
    return None


def suggest_point(trial: optuna.Trial, axes: dict[str, Axis]) -> AxisPoint:
    """Return the point that the sampler proposes; an axis is suggested after the axes that its condition names."""
    point: AxisPoint = {}
    for path in TopologicalSorter({path: axis.when for path, axis in axes.items()}).static_order():
        if axes[path].applies(point):
            point[path] = axes[path].to_choice(_suggest_parameter(trial, path, axes[path]))
    return {path: point[path] for path in axes if path in point}


def _suggest_parameter(trial: optuna.Trial, path: str, axis: Axis) -> Any:
    if not axis.is_range:
        return trial.suggest_categorical(path, [choice.label for choice in axis.choices])
    low, high = getattr(axis, axis.kind)
    if axis.kind == "int":
        return trial.suggest_int(path, low, high)
    return trial.suggest_float(path, low, high, log=axis.kind == "loguniform")


def enqueue_points(study: optuna.Study, points: Iterable[AxisPoint], axes: dict[str, Axis]) -> None:
    """Give points to the next trials of a study."""
    for point in points:
        study.enqueue_trial({path: axes[path].to_parameter(choice) for path, choice in point.items()})
