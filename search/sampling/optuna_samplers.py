"""Where an adaptive search's points come from: Optuna's samplers over our axes, or draws that learn nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from search.schema.axes import Axis, Point, qmc_points, random_points
from search.schema.blocks import Search


@contextmanager
def silenced() -> Iterator[None]:
    """Optuna tells of its experimental parts, of each new study, and of what it samples independently."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def sampler(search: Search, generation: int) -> BaseSampler:
    """The sampler of one generation; what it proposes depends on (seed, generation) and the study's history alone.

    GP models axes without conditions and draws the others at random. Constraints are Optuna's own: it reads what was
    told of them.
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
    return RandomSampler(seed=seed)  # never asked: its points are given


def drawn(search: Search) -> list[Point] | None:
    """All points of a strategy that learns nothing; None of one that does."""
    if search.strategy == "random":
        return random_points(search.axes, search.trials or 0, search.seed)
    if search.strategy == "qmc":
        return qmc_points(search.axes, search.trials or 0, search.seed)
    return None


def suggested(trial: optuna.Trial, axes: dict[str, Axis]) -> Point:
    """The point that a trial's sampler proposes: an axis is asked for once those that its condition names are known."""
    point: Point = {}
    for path in TopologicalSorter({path: axis.when for path, axis in axes.items()}).static_order():
        if axes[path].applies(point):
            point[path] = axes[path].chosen(_parameter(trial, path, axes[path]))
    return {path: point[path] for path in axes if path in point}


def _parameter(trial: optuna.Trial, path: str, axis: Axis) -> Any:
    if axis.kind in ("grid", "choice"):
        return trial.suggest_categorical(path, [choice.label for choice in axis.choices()])
    low, high = getattr(axis, axis.kind)
    if axis.kind == "int":
        return trial.suggest_int(path, low, high)
    return trial.suggest_float(path, low, high, log=axis.kind == "loguniform")


def enqueue(study: optuna.Study, points: Iterable[Point], axes: dict[str, Axis]) -> None:
    """Let a study's next trials have given points."""
    for point in points:
        study.enqueue_trial({path: axes[path].parameter(choice) for path, choice in point.items()})
