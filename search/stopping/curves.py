"""What the seeds of a configuration measured along their training, and the points that this puts it at so far.

Everything stands on validation, and more is better: an objective to be minimised has its sign changed. `n` is a number
of epochs trained, of which the last is epoch n - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from search.stopping.phases import Phases, phases
from trainers.best import CLEAN, ROBUST, selected_by
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.objectives import SIGNS
from trainers.record_io import Row
from trainers.records import identify_problem

NEAR_CHANCE = 0.02  # whoever always names the same class is right a little more often than one in the classes
Objectives = Mapping[str, str]  # name -> max or min


class Point(NamedTuple):
    """One measurement of one training."""

    epoch: int
    robust: float
    values: tuple[float, ...]  # the objectives, signed
    clean: float | None = None  # of a training without attacks, whose best checkpoint is chosen by it

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
        gone = self.diverged is None or self.diverged >= n
        return Curve(tuple(point for point in self.points if point.epoch < n), None if gone else self.diverged)

    def arrived(self, n: int) -> bool:
        """Whether all is known of its first n epochs."""
        return bool(self.points and self.points[-1].epoch >= n - 1) or (self.diverged is not None and self.diverged < n)

    def best(self, n: int, first: int = 0) -> Point:
        """As the trainer chooses it: the first of the highest, from epoch `first` on if any is measured there."""
        known = [point for point in self.points if point.epoch < n]
        within = [point for point in known if point.epoch >= first]
        return max(within or known, key=lambda point: point.chosen)


@dataclass(frozen=True)
class Candidate:
    """A configuration among those it is compared with: its seeds stand or fall together."""

    name: str
    phases: Phases
    measured: tuple[int, ...]  # the epochs that are measured, ascending, the last one among them
    curves: tuple[Curve, ...]  # one a seed
    chance: float = 0.0  # the accuracy of guessing
    adversarial: bool = True  # trained on attacked images

    @property
    def epochs(self) -> int:
        return self.phases.epochs

    @property
    def diverged(self) -> int | None:
        """The first epoch in which a seed diverged: its configuration is then on no front."""
        return min((curve.diverged for curve in self.curves if curve.diverged is not None), default=None)

    def cut(self, n: int) -> Candidate:
        """As it was after n epochs."""
        return replace(self, curves=tuple(curve.cut(n) for curve in self.curves))

    def arrived(self, n: int) -> bool:
        return all(curve.arrived(n) for curve in self.curves)

    @cached_property
    def robust(self) -> tuple[float, ...]:
        """Its robust accuracy at the measurements that all of its seeds have, means over them."""
        return self._means([[point.robust for point in curve.points] for curve in self.curves])

    @cached_property
    def chosen(self) -> tuple[float, ...]:
        """The same of the accuracy by which the trainer chooses its best checkpoint."""
        return self._means([[point.chosen for point in curve.points] for curve in self.curves])

    @property
    def chosen_by(self) -> str:
        """Its name."""
        return ROBUST if self.adversarial else CLEAN

    def _means(self, curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
        return tuple(sum(values) / len(values) for values in zip(*curves, strict=False))

    def at_best(self, n: int) -> np.ndarray:
        """The objectives at each seed's best checkpoint of n epochs, (seeds, objectives)."""
        return np.array([curve.best(n, self.phases.selects).values for curve in self.curves])

    def robust_at_best(self, n: int) -> float:
        """The robust accuracy of the best checkpoints of n epochs, the mean over seeds."""
        return float(np.mean([curve.best(n, self.phases.selects).robust for curve in self.curves]))

    def at_most(self, n: int) -> np.ndarray:
        """The highest that each seed had in n epochs of each objective by itself, (seeds, objectives)."""
        return np.array([np.max([p.values for p in curve.points if p.epoch < n], axis=0) for curve in self.curves])

    def at_end(self, n: int) -> np.ndarray:
        """The objectives as last measured within n epochs, (seeds, objectives)."""
        return np.array([curve.cut(n).points[-1].values for curve in self.curves])


def curve(rows: Iterable[Row], objectives: Objectives, diverged: int | None = None) -> Curve:
    """The curve in the rows of a training's record; epochs that were not measured, or not wholly, are passed over."""
    wanted = {CLEAN, ROBUST, *objectives}
    measured = (row for row in rows if wanted <= row.keys())
    return Curve(tuple(_point(row, objectives) for row in measured), diverged)


def _point(row: Row, objectives: Objectives) -> Point:
    return Point(row["epoch"], row[ROBUST], signed(row, objectives), row[CLEAN] if selected_by(row) == CLEAN else None)


def signed(row: Row, objectives: Objectives) -> tuple[float, ...]:
    return tuple(float(row[name]) * SIGNS[direction] for name, direction in objectives.items())


def plain(values: Sequence[float] | np.ndarray, objectives: Objectives) -> dict[str, float]:
    """Signed values as they are recorded, by name."""
    signs = [SIGNS[direction] for direction in objectives.values()]
    return {name: float(value) * sign for name, value, sign in zip(objectives, values, signs, strict=True)}


@dataclass(frozen=True)
class Entry:
    """One training of a sweep: a seed of a configuration. Those that make rankings or weights do not enter."""

    training: str
    configuration: str
    config: TrialConfig
    classes: int
    group: str = ""  # generations are judged apart; a grid is one group
    fresh: bool = True  # starts from new weights

    @cached_property
    def problem(self) -> str:
        """What accuracies share that are on one front."""
        return identify_problem({"data": self.config.data.model_dump(mode="json")})

    @cached_property
    def contest(self) -> tuple[str, str, int, bool]:
        """What curves share that are compared at an epoch: from old weights, or in fewer epochs, one learns sooner."""
        return self.group, self.problem, self.config.epochs, self.fresh

    def contestant(self, evaluation: Evaluation, curves: Iterable[Curve]) -> Candidate:
        """Its configuration, with the curves of all seeds."""
        epochs = self.config.epochs
        return Candidate(
            name=self.configuration,
            phases=phases(self.config),
            measured=tuple(epoch for epoch in range(epochs) if evaluation.due(epoch, epochs)),
            curves=tuple(curves),
            chance=1 / self.classes,
            adversarial=self.config.method.adversarial,
        )
