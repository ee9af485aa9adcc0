"""The duration of trainings, estimated from the measured durations of comparable trainings.

Trainings are comparable if they have the same model, batch size, device, data and number of passes through the network.
search.run.estimate adds the durations up before a run. search.monitor.sweep_status does so while it runs, and divides
the time left by the number of processes.
The strengths of a method (lambda, beta, epsilon) do not change the passes and therefore cost no time; its pieces, its
steps and restarts do. A subset counts by the fraction of the training examples that it uses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from search.monitor.epoch_progress import EpochProgress
from trainers.record_io import Row, digest

SPLIT_KEYS = ("label_noise", "noise_seed", "split_seed")  # they change which examples are used, not how many


class CostKey(NamedTuple):
    """Hashes of all that the duration of a training depends on; trainings with equal hashes are comparable."""

    training: str  # hash of what an epoch over all examples depends on
    evaluation: str  # hash of that and of what is evaluated
    fraction: float  # of the training examples that an epoch uses


@dataclass
class Costs:
    """Seconds of a training, or of a part of it."""

    epochs: int = 0
    train: float = 0.0
    evaluate: float = 0.0
    final: float = 0.0
    final_evaluations: int = 0  # how many `final` is the sum of

    def add(self, row: Row) -> None:
        """Add one row of cost.jsonl."""
        self.epochs += "seconds" in row
        self.final_evaluations += "final_seconds" in row
        self.train += row.get("seconds", 0.0)
        self.evaluate += row.get("evaluate_seconds", 0.0)
        self.final += row.get("final_seconds", 0.0)

    @property
    def seconds(self) -> float:
        return self.train + self.evaluate + self.final

    def scaled(self, factor: float) -> Costs:
        """Return the costs with all seconds multiplied."""
        seconds = {name: factor * getattr(self, name) for name in ("train", "evaluate", "final")}
        return replace(self, **seconds)

    def __iadd__(self, other: Costs) -> Costs:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def cost_key(planned: Row, evaluation: Row) -> CostKey:
    """Return the cost key of a training from its row of plan.json and the `evaluate` block of that file.

    A plan of an earlier version has neither `passes` nor `fraction`; there the whole method stands for the passes.
    Where the fraction is unknown, as for a count of an unknown number of examples, only trainings whose subset has the
    same size are comparable.
    """
    config, fraction = planned["config"], planned.get("fraction")
    unknown_size = None if fraction is not None else {key: config["subset"].get(key) for key in ("size", "band")}
    training = digest(
        {key: config[key] for key in ("model", "batch_size", "compute")}
        | {
            "data": {key: value for key, value in config["data"].items() if key not in SPLIT_KEYS},
            "passes": planned.get("passes") or config["method"],
            "size": unknown_size,
        }
    )
    return CostKey(training, digest([training, evaluation]), 1.0 if fraction is None else fraction)


class TimeLeft(NamedTuple):
    """Seconds that trainings still take, and how many trainings that sum leaves out."""

    seconds: float
    unknown: int  # trainings without a comparable one; they are left out
    unmeasured: int = 0  # trainings whose evaluation was never measured; the time of the evaluation is left out
    probed: int = 0  # trainings without a comparable one whose time a probe of a few steps estimates


@dataclass
class CostModel:
    """Mean seconds of an epoch, of its evaluation and of the final evaluation, for every measured cost key."""

    _trained: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))  # seconds, epochs
    _evaluated: dict[str, Costs] = field(default_factory=lambda: defaultdict(Costs))
    _with_epochs: set[str] = field(default_factory=set)  # hashes for which complete epochs were measured

    def add_costs(self, key: CostKey, costs: Costs) -> None:
        """Add the costs of a training, unless it has no complete epoch."""
        if costs.epochs:
            sums = self._trained[key.training]
            sums[0] += costs.train
            sums[1] += costs.epochs * key.fraction
            self._evaluated[key.evaluation] += costs
            self._with_epochs.add(key.training)

    def add_progress(self, key: CostKey, progress: EpochProgress) -> None:
        """Add the finished part of an epoch, which has no evaluation yet, unless a comparable epoch is complete."""
        if key.training not in self._with_epochs:
            sums = self._trained[key.training]
            sums[0] += progress.seconds
            sums[1] += progress.fraction * key.fraction

    def is_known(self, key: CostKey) -> bool:
        """Return whether a comparable training was measured."""
        return key.training in self._trained

    def epoch_seconds(self, key: CostKey) -> float | None:
        """Return the seconds of one epoch and its mean evaluation, or None if no comparable training was measured."""
        if not self.is_known(key):
            return None
        seconds, epochs = self._trained[key.training]
        evaluated = self._evaluated.get(key.evaluation)
        return seconds / epochs * key.fraction + (evaluated.evaluate / evaluated.epochs if evaluated else 0.0)

    def final_seconds(self, key: CostKey) -> float:
        """Return the seconds of the final evaluation, or 0 if none was measured."""
        evaluated = self._evaluated.get(key.evaluation)
        return evaluated.final / evaluated.final_evaluations if evaluated and evaluated.final_evaluations else 0.0

    def estimate(self, trainings: Iterable[tuple[CostKey, int, bool]]) -> TimeLeft:
        """Return the time of trainings, given the epochs of each and whether its final evaluation is still to come."""
        seconds, unknown, unmeasured = 0.0, 0, 0
        for key, epochs, ends in trainings:
            per_epoch = self.epoch_seconds(key)
            if per_epoch is None:
                unknown += bool(epochs)
            else:
                seconds += per_epoch * epochs + ends * self.final_seconds(key)
                unmeasured += bool(epochs) and key.evaluation not in self._evaluated
        return TimeLeft(seconds, unknown, unmeasured)
