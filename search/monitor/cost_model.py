"""The duration of trainings, estimated from the measured durations of comparable trainings.

Trainings are comparable if they have the same model, batch size, device, data and number of passes through the network.
A training without a comparable one takes what a probe estimates (search.monitor.probe), or else the time of those that
differ from it in their passes alone, for each pass. Its evaluations along training and its final one are looked up
apart from its epochs, in the same order: a sweep may train as another one and be evaluated in another way.
search.run.estimate adds the durations up before a run. search.monitor.sweep_status does so while it runs, and divides
the time left by the number of processes.
The strengths of a method (lambda, beta, epsilon) do not change the passes and therefore cost no time; its pieces, its
steps and restarts do. A subset counts by the fraction of the training examples that it uses.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from search.monitor.epoch_progress import EpochProgress
from trainers.formatting import format_count
from trainers.record_io import Row, digest

SPLIT_KEYS = ("label_noise", "noise_seed", "split_seed")  # they change which examples are used, not how many
AT_THE_END = ("final", "min_perturbation")  # keys of `evaluate:` that do not act along training


class CostKey(NamedTuple):
    """Hashes of all that the duration of a training depends on; trainings with equal hashes are comparable."""

    training: str  # hash of what an epoch over all examples depends on
    evaluation: str  # hash of what is measured along training, however often
    final: str  # hash of what is measured at the end
    fraction: float  # of the training examples that an epoch uses
    every: int = 1  # epochs between evaluations
    network: str = ""  # hash of what `training` is the hash of, without the passes
    work: float = 0.0  # passes of a visit of an example, in forwards; 0: unknown, and only `training` is compared


@dataclass
class Costs:
    """Seconds of a training, or of a part of it."""

    epochs: int = 0
    train: float = 0.0
    evaluate: float = 0.0
    final: float = 0.0
    final_evaluations: int = 0  # how many `final` is the sum of
    evaluations: int = 0  # how many `evaluate` is the sum of

    def add(self, row: Row, is_evaluated: bool = True) -> None:
        """Add one row of cost.jsonl; `is_evaluated`: an evaluation was due after its epoch."""
        self.epochs += "seconds" in row
        self.final_evaluations += "final_seconds" in row
        self.evaluations += is_evaluated and "evaluate_seconds" in row
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
    every, measured = _part_rhythm(evaluation)
    return CostKey(
        training=digest(parts | {"passes": passes or config["method"]}),
        evaluation=digest({key: value for key, value in measured.items() if key not in AT_THE_END}),
        final=digest(measured),
        fraction=1.0 if fraction is None else fraction,
        every=every,
        network=digest(parts),
        work=_count_work(*passes) if passes else 0.0,
    )


def _part_rhythm(evaluation: Row) -> tuple[int, Row]:
    """Return the epochs between evaluations, and what one measures: of attacks that are rarer, a part of each."""
    every = int(evaluation.get("every", 1))
    if every < 1:
        raise ValueError(f"evaluate.every is {every}, and is at least 1")
    along = {
        name: attack | {"every": attack.get("every", every) / every}
        for name, attack in evaluation.get("along", {}).items()
    }
    return every, {key: value for key, value in evaluation.items() if key != "every"} | {"along": along}


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
    unmeasured: int = 0  # trainings of whose evaluation a part was never measured; the time of that part is left out
    probed: int = 0  # trainings without a comparable one whose time a probe of a few steps estimates
    probed_evaluations: int = 0  # further trainings of which it estimates the evaluation alone
    further: int = 0  # ended trainings that are measured further, before the first of them is done; left out
    by_passes: int = 0  # trainings without a comparable one whose time is that of others for each pass
    final: float = 0.0  # those of `seconds` that final evaluations take

    @property
    def is_rough(self) -> bool:
        """Return whether a part of some training has no comparable one that was recorded."""
        return bool(self.unknown or self.unmeasured or self.probed or self.probed_evaluations or self.by_passes)

    @property
    def uncounted(self) -> str:
        """Return what is left out, in words; empty if nothing is."""
        parts = [format_count(self.unknown, "training")] if self.unknown else []
        parts += [f"the evaluation of {format_count(self.unmeasured, 'training')}"] if self.unmeasured else []
        parts += [format_count(self.further, "further measurement")] if self.further else []
        kinds = "a kind that was" if self.unknown + self.unmeasured + self.further == 1 else "kinds that were"
        return f"not counting {' and '.join(parts)} of {kinds} not timed yet" if parts else ""


@dataclass
class Means:
    """Mean seconds of comparable things, by what they have in common."""

    _sums: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def add(self, common: Hashable, seconds: float, amount: float) -> None:
        """Add the seconds of so many things."""
        sums = self._sums[common]
        sums[0] += seconds
        sums[1] += amount

    def find(self, common: Hashable) -> float | None:
        """Return the mean seconds of a thing, or None if none was added."""
        seconds, amount = self._sums.get(common, (0.0, 0.0))
        return seconds / amount if amount else None


class Basis(Enum):
    """What the seconds of a part of a training are known by; the first that there is counts."""

    RECORDED = auto()  # comparable trainings
    PROBED = auto()  # a few steps on this machine
    OTHERS = auto()  # trainings that differ in their passes alone


Part = tuple[float, Basis] | None  # seconds of an epoch or an evaluation, and what they are known by; None: unknown


@dataclass
class CostModel:
    """Mean seconds of an epoch, of an evaluation along training and of the final one, for every measured cost key."""

    _trained: Means = field(default_factory=Means)  # by `training`: epochs over all examples
    _worked: Means = field(default_factory=Means)  # by `network`: the passes of these epochs
    _evaluated: Means = field(default_factory=Means)  # by `training` or `network`, and `evaluation`
    _ended: Means = field(default_factory=Means)  # by `training` or `network`, and `final`
    _probed: dict[CostKey, Costs] = field(default_factory=dict)
    _with_epochs: set[str] = field(default_factory=set)  # `training` for which complete epochs were measured

    def add_costs(self, key: CostKey, costs: Costs) -> None:
        """Add the recorded costs of a training."""
        if costs.epochs:
            self._add_epochs(key, costs.train, costs.epochs)
            self._with_epochs.add(key.training)
        for trainings in {key.training, key.network}:
            self._evaluated.add((trainings, key.evaluation), costs.evaluate, costs.evaluations)
            self._ended.add((trainings, key.final), costs.final, costs.final_evaluations)

    def add_progress(self, key: CostKey, progress: EpochProgress) -> None:
        """Add the finished part of an epoch, which has no evaluation yet, unless a comparable epoch is complete."""
        if key.training not in self._with_epochs:
            self._add_epochs(key, progress.seconds, progress.fraction)

    def add_probed(self, key: CostKey, costs: Costs) -> None:
        """Add a probe's estimate of a training; it counts for the parts of which no comparable one was recorded."""
        self._probed[key] = costs

    def _add_epochs(self, key: CostKey, seconds: float, epochs: float) -> None:
        self._trained.add(key.training, seconds, epochs * key.fraction)
        if key.work:
            self._worked.add(key.network, seconds, epochs * key.fraction * key.work)

    def is_recorded(self, key: CostKey) -> bool:
        """Return whether all parts of a comparable training were recorded."""
        return all(part and part[1] is Basis.RECORDED for part in self._find_parts(key))

    def _find_parts(self, key: CostKey) -> tuple[Part, Part, Part]:
        """Return what an epoch takes, an evaluation along training, and the final one."""
        probed = self._probed.get(key, Costs())
        epoch, work = self._trained.find(key.training), self._worked.find(key.network)
        return (
            _choose(
                None if epoch is None else epoch * key.fraction,
                probed.train / probed.epochs if probed.epochs else None,
                None if work is None or not key.work else work * key.work * key.fraction,
            ),
            _choose(
                self._evaluated.find((key.training, key.evaluation)),
                probed.evaluate / probed.evaluations if probed.evaluations else None,
                self._evaluated.find((key.network, key.evaluation)) if key.work else None,
            ),
            _choose(
                self._ended.find((key.training, key.final)),
                probed.final / probed.final_evaluations if probed.final_evaluations else None,
                self._ended.find((key.network, key.final)) if key.work else None,
            ),
        )

    def estimate(self, trainings: Iterable[tuple[CostKey, int, bool]]) -> TimeLeft:
        """Return the time of trainings, given the last epochs of each and whether its final evaluation is to come."""
        left = Counter[str]()
        seconds = final = 0.0
        for key, epochs, ends in trainings:
            epoch, evaluation, end = self._find_parts(key)
            if epoch is None:
                left["unknown"] += bool(epochs)
                continue
            evaluations = math.ceil(epochs / key.every)
            measured = [part for part, times in ((evaluation, evaluations), (end, ends)) if times]
            seconds += epochs * epoch[0] + evaluations * (evaluation[0] if evaluation else 0.0)
            final += ends * (end[0] if end else 0.0)
            is_probed = bool(epochs) and epoch[1] is Basis.PROBED
            left["unmeasured"] += None in measured
            left["probed"] += is_probed
            left["probed_evaluations"] += not is_probed and any(part and part[1] is Basis.PROBED for part in measured)
            left["by_passes"] += bool(epochs) and epoch[1] is Basis.OTHERS
        return TimeLeft(seconds + final, final=final, **{"unknown": 0} | left)


def _choose(recorded: float | None, probed: float | None, others: float | None) -> Part:
    found = ((recorded, Basis.RECORDED), (probed, Basis.PROBED), (others, Basis.OTHERS))
    return next(((seconds, basis) for seconds, basis in found if seconds is not None), None)
