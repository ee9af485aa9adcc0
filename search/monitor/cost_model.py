"""The duration of trainings, estimated from the measured durations of comparable trainings.

Trainings are comparable if they have the same model, batch size, device, data and number of passes through the network.
A training without a comparable one takes the time of those that differ from it in their passes alone, for each pass.
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
from trainers.formatting import format_count
from trainers.record_io import Row, digest

NOTHING = (0.0, 0.0)
SPLIT_KEYS = ("label_noise", "noise_seed", "split_seed")  # they change which examples are used, not how many


class CostKey(NamedTuple):
    """Hashes of all that the duration of a training depends on; trainings with equal hashes are comparable."""

    training: str  # hash of what an epoch over all examples depends on
    evaluation: str  # hash of that and of what is evaluated
    fraction: float  # of the training examples that an epoch uses
    network: str = ""  # hash of what `training` is the hash of, without the passes
    network_evaluation: str = ""  # hash of that and of what is evaluated
    work: float = 0.0  # passes of a visit of an example, in forwards; 0: unknown, and only `training` is compared


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
    config, fraction, passes = planned["config"], planned.get("fraction"), planned.get("passes")
    unknown_size = None if fraction is not None else {key: config["subset"].get(key) for key in ("size", "band")}
    parts = {key: config[key] for key in ("model", "batch_size", "compute")} | {
        "data": {key: value for key, value in config["data"].items() if key not in SPLIT_KEYS},
        "size": unknown_size,
    }
    training, network = digest(parts | {"passes": passes or config["method"]}), digest(parts)
    return CostKey(
        training=training,
        evaluation=digest([training, evaluation]),
        fraction=1.0 if fraction is None else fraction,
        network=network,
        network_evaluation=digest([network, evaluation]),
        work=_count_work(*passes) if passes else 0.0,
    )


def _count_work(
    forwards: float, backwards: float, updates: float, fewer_forwards: float, fewer_backwards: float
) -> float:
    """Count passes in forwards: a backward to the image takes as long as one, a backward to the weights twice as long.

    If their number depends on the example, it is the middle of its bounds.
    """
    return forwards - fewer_forwards / 2 + backwards - fewer_backwards / 2 + updates


class TimeLeft(NamedTuple):
    """Seconds that trainings still take, and how many trainings that sum leaves out."""

    seconds: float
    unknown: int  # trainings of whose network none was measured; they are left out
    unmeasured: int = 0  # trainings whose evaluation was never measured; the time of the evaluation is left out
    probed: int = 0  # trainings without a comparable one whose time a probe of a few steps estimates
    further: int = 0  # ended trainings that are measured further, before the first of them is done; left out
    by_passes: int = 0  # trainings without a comparable one whose time is that of others for each pass
    final: float = 0.0  # those of `seconds` that final evaluations take

    @property
    def uncounted(self) -> str:
        """Return what is left out, in words; empty if nothing is."""
        parts = [format_count(self.unknown, "training")] if self.unknown else []
        parts += [f"the evaluation of {format_count(self.unmeasured, 'training')}"] if self.unmeasured else []
        parts += [format_count(self.further, "further measurement")] if self.further else []
        kinds = "a kind that was" if self.unknown + self.unmeasured + self.further == 1 else "kinds that were"
        return f"not counting {' and '.join(parts)} of {kinds} not timed yet" if parts else ""


def _build_sums() -> dict[str, list[float]]:
    return defaultdict(lambda: [0.0, 0.0])


@dataclass
class CostModel:
    """Mean seconds of an epoch, of its evaluation and of the final evaluation, for every measured cost key."""

    _trained: dict[str, list[float]] = field(default_factory=_build_sums)  # seconds, epochs over all examples
    _worked: dict[str, list[float]] = field(default_factory=_build_sums)  # of a network: seconds, these epochs' passes
    _evaluated: dict[str, Costs] = field(default_factory=lambda: defaultdict(Costs))
    _with_epochs: set[str] = field(default_factory=set)  # hashes for which complete epochs were measured

    def add_costs(self, key: CostKey, costs: Costs) -> None:
        """Add the costs of a training, unless it has no complete epoch."""
        if costs.epochs:
            self._add_epochs(key, costs.train, costs.epochs)
            for evaluation in {key.evaluation, key.network_evaluation}:
                self._evaluated[evaluation] += costs
            self._with_epochs.add(key.training)

    def add_progress(self, key: CostKey, progress: EpochProgress) -> None:
        """Add the finished part of an epoch, which has no evaluation yet, unless a comparable epoch is complete."""
        if key.training not in self._with_epochs:
            self._add_epochs(key, progress.seconds, progress.fraction)

    def _add_epochs(self, key: CostKey, seconds: float, epochs: float) -> None:
        for sums, amount in ((self._trained[key.training], 1.0), (self._worked[key.network], key.work)):
            if amount:
                sums[0] += seconds
                sums[1] += epochs * key.fraction * amount

    def is_known(self, key: CostKey) -> bool:
        """Return whether a comparable training was measured."""
        return key.training in self._trained

    def epoch_seconds(self, key: CostKey) -> float | None:
        """Return the seconds of one epoch and its mean evaluation, or None if none of its network was measured."""
        seconds, epochs = self._trained.get(key.training, NOTHING)
        if not epochs:
            seconds, worked = self._worked.get(key.network, NOTHING)
            epochs = worked / key.work if key.work else 0.0
        if not epochs:
            return None
        evaluated = self._find_evaluated(key)
        return seconds / epochs * key.fraction + (evaluated.evaluate / evaluated.epochs if evaluated else 0.0)

    def _find_evaluated(self, key: CostKey) -> Costs | None:
        """Return the costs of comparable evaluations, or of the same one after trainings with other passes."""
        return self._evaluated.get(key.evaluation) or (
            self._evaluated.get(key.network_evaluation) if key.work else None
        )

    def final_seconds(self, key: CostKey) -> float:
        """Return the seconds of the final evaluation, or 0 if none was measured."""
        evaluated = self._find_evaluated(key)
        return evaluated.final / evaluated.final_evaluations if evaluated and evaluated.final_evaluations else 0.0

    def estimate(self, trainings: Iterable[tuple[CostKey, int, bool]]) -> TimeLeft:
        """Return the time of trainings, given the epochs of each and whether its final evaluation is still to come."""
        seconds, final, unknown, unmeasured, by_passes = 0.0, 0.0, 0, 0, 0
        for key, epochs, ends in trainings:
            per_epoch = self.epoch_seconds(key)
            if per_epoch is None:
                unknown += bool(epochs)
            else:
                seconds += per_epoch * epochs
                final += ends * self.final_seconds(key)
                unmeasured += bool(epochs) and self._find_evaluated(key) is None
                by_passes += bool(epochs) and not self.is_known(key)
        return TimeLeft(seconds + final, unknown, unmeasured, by_passes=by_passes, final=final)
