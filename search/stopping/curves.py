"""Validation curves: the measurements of each seed of a configuration, and the points that they put it at so far.

A higher value is better: an objective that is minimised has the other sign. `n` is a number of epochs trained; the last
one is epoch n - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from search.pareto import Objectives, as_recorded, to_maximise
from search.stopping.phases import Phases, phases
from trainers.best import CLEAN, ROBUST, selected_by
from trainers.problems import identify_problem
from trainers.record_io import Row

if TYPE_CHECKING:
    from trainers.config import TrialConfig
    from trainers.evaluate import Evaluation

NEAR_CHANCE = 0.02  # a network that always names the same class is right a little more often than one in the classes
Value = TypeVar("Value")


class Point(NamedTuple):
    """One measurement of one training."""

    epoch: int
    robust: float
    values: tuple[float, ...]  # the objectives, higher is better
    clean: float | None = None  # if the trainer chooses the best checkpoint by it: in a training without attacks

    @property
    def chosen(self) -> float:
        """The accuracy by which the trainer chooses its best checkpoint."""
        return self.robust if self.clean is None else self.clean


@dataclass(frozen=True)
class Curve:
    """The measurements of one seed so far, and the epoch in which its loss was no longer finite."""

    points: tuple[Point, ...] = ()
    diverged: int | None = None

    def cut(self, n: int) -> Curve:
        """Return the curve as it was after n epochs."""
        gone = self.diverged is None or self.diverged >= n
        return Curve(tuple(point for point in self.points if point.epoch < n), None if gone else self.diverged)

    def arrived(self, n: int) -> bool:
        """Return whether all is known of the first n epochs."""
        return bool(self.points and self.points[-1].epoch >= n - 1) or (self.diverged is not None and self.diverged < n)

    def best(self, n: int, first: int = 0) -> Point:
        """Return the trainer's choice: the first of the highest, from epoch `first` on if any is measured there."""
        known = [point for point in self.points if point.epoch < n]
        within = [point for point in known if point.epoch >= first]
        return max(within or known, key=lambda point: point.chosen)


@dataclass(frozen=True)
class Candidate:
    """A configuration among those it is compared with: all of its seeds stop together."""

    name: str
    phases: Phases
    measured: tuple[int, ...]  # the epochs that are measured, ascending, the last one among them
    curves: tuple[Curve, ...]  # one a seed
    objectives: Objectives
    chance: float = 0.0  # the accuracy of guessing
    _memory: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def epochs(self) -> int:
        return self.phases.epochs

    @cached_property
    def diverged(self) -> int | None:
        """The first epoch in which a seed diverged: its configuration is then on no front."""
        return min((curve.diverged for curve in self.curves if curve.diverged is not None), default=None)

    @cached_property
    def adversarial(self) -> bool:
        """Return whether any best checkpoint is chosen by robust accuracy; a training without attacks has none."""
        return any(point.clean is None for curve in self.curves for point in curve.points)

    def cut(self, n: int) -> Candidate:
        """Return the candidate as it was after n epochs."""
        return replace(self, curves=tuple(curve.cut(n) for curve in self.curves))

    def arrived(self, n: int) -> bool:
        """Return whether all is known of the first n epochs of all seeds."""
        return all(curve.arrived(n) for curve in self.curves)

    @cached_property
    def chosen(self) -> tuple[float, ...]:
        """The accuracy that chooses the best checkpoint, at the measurements that all seeds have, means over them."""
        return _means([[point.chosen for point in curve.points] for curve in self.curves])

    @cached_property
    def robust(self) -> tuple[float, ...]:
        """The robust accuracy at the same measurements."""
        return _means([[point.robust for point in curve.points] for curve in self.curves])

    @property
    def chosen_by(self) -> str:
        """The name of the accuracy that chooses the best checkpoint."""
        return ROBUST if self.adversarial else CLEAN

    def at_best(self, n: int) -> np.ndarray:
        """Return the objectives at each seed's best checkpoint of n epochs, (seeds, objectives)."""
        return np.array([curve.best(n, self.phases.selects).values for curve in self.curves])

    def robust_at_best(self, n: int) -> float:
        """Return the robust accuracy of the best checkpoints of n epochs, the mean over seeds."""
        return float(np.mean([curve.best(n, self.phases.selects).robust for curve in self.curves]))

    def at_most(self, n: int) -> np.ndarray:
        """Return the highest value that each seed had in n epochs of each objective by itself, (seeds, objectives)."""
        return np.array([np.max([p.values for p in curve.points if p.epoch < n], axis=0) for curve in self.curves])

    def at_end(self, n: int) -> np.ndarray:
        """Return the objectives as last measured within n epochs, (seeds, objectives)."""
        return np.array([curve.cut(n).points[-1].values for curve in self.curves])

    def recorded(self, values: Iterable[float]) -> dict[str, float]:
        """Return values of the objectives by name, with the signs of the records."""
        return as_recorded(values, self.objectives)

    def remember(self, key: Hashable, find: Callable[[], Value]) -> Value:
        """Return what `find` returns, computed once for each key: a rule is asked again after each report."""
        if key not in self._memory:
            self._memory[key] = find()
        found: Value = self._memory[key]
        return found


def _means(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(values) for values in zip(*curves, strict=False))


def read_curve(rows: Iterable[Row], objectives: Objectives, diverged: int | None = None) -> Curve:
    """Return the curve in the rows of a training's record; epochs that lack a measurement are passed over."""
    wanted = {CLEAN, ROBUST, *objectives}
    measured = (row for row in rows if wanted <= row.keys())
    return Curve(tuple(_point(row, objectives) for row in measured), diverged)


def _point(row: Row, objectives: Objectives) -> Point:
    clean = row[CLEAN] if selected_by(row) == CLEAN else None
    return Point(row["epoch"], row[ROBUST], to_maximise(row, objectives), clean)


@dataclass(frozen=True)
class TrialInfo:
    """One trial of a sweep: a seed of a configuration. Trainings that make rankings or weights are no candidates."""

    trial: str
    configuration: str
    config: TrialConfig
    classes: int
    generation: str = ""  # of an adaptive search; a grid has one
    fresh: bool = True  # starts from new weights

    @cached_property
    def problem(self) -> str:
        """The data, as JSON: configurations with equal data share a front."""
        return identify_problem({"data": self.config.data.model_dump(mode="json")})

    @cached_property
    def group(self) -> tuple[str, str, int, bool]:
        """Return what configurations share that are compared at an epoch.

        From old weights, or in fewer epochs, one learns sooner.
        """
        return self.generation, self.problem, self.config.epochs, self.fresh

    def candidate(self, evaluation: Evaluation, curves: Iterable[Curve], objectives: Mapping[str, str]) -> Candidate:
        """Return the configuration with the curves of all seeds."""
        epochs = self.config.epochs
        return Candidate(
            name=self.configuration,
            phases=phases(self.config),
            measured=tuple(epoch for epoch in range(epochs) if evaluation.due(epoch, epochs)),
            curves=tuple(curves),
            objectives=objectives,
            chance=1 / self.classes,
        )
