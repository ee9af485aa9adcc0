"""How long trainings take, as measured of their kin: trainings of the same model, data and method.

A method's strengths (lambda, beta, epsilon, a burn-in) cost no time and are no part of the kinship; its pieces, steps
and restarts are. Subsets count by the share of the data that they use.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from search.monitor.epoch_progress import Partial
from trainers.record_io import Row, digest

SPLIT = ("label_noise", "noise_seed", "split_seed")  # which examples, not how many


class CostKey(NamedTuple):
    """With whom a training can be compared."""

    trained: str
    measured: str  # alike in what is evaluated too
    share: float  # of the training data


@dataclass
class Costs:
    """Seconds of a training, or of a part of it."""

    epochs: int = 0
    train: float = 0.0
    evaluate: float = 0.0
    final: float = 0.0
    ended: int = 0  # how many final evaluations that is

    def add(self, row: Row) -> None:
        """One row of cost.jsonl."""
        self.epochs += "seconds" in row
        self.ended += "final_seconds" in row
        self.train += row.get("seconds", 0.0)
        self.evaluate += row.get("evaluate_seconds", 0.0)
        self.final += row.get("final_seconds", 0.0)

    @property
    def seconds(self) -> float:
        return self.train + self.evaluate + self.final

    def __iadd__(self, other: Costs) -> Costs:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def cost_key(config: Row, evaluation: Row) -> CostKey:
    """Of a training as plan.json has it."""
    share, unknown = _share(config["subset"], config["data"].get("train"))
    data = {key: value for key, value in config["data"].items() if key not in SPLIT}
    trained = digest(
        {key: config[key] for key in ("model", "batch_size", "compute")}
        | {"data": data, "method": _costly(config["method"]), "size": unknown}
    )
    return CostKey(trained, digest([trained, evaluation]), share)


@dataclass
class CostModel:
    """Seconds of an epoch, of its evaluation and of the final one, of every kind of training that was measured."""

    _trained: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    _measured: dict[str, Costs] = field(default_factory=lambda: defaultdict(Costs))
    _whole: set[str] = field(default_factory=set)  # of which whole epochs were measured

    def add(self, of: CostKey, costs: Costs) -> None:
        if costs.epochs:
            sums = self._trained[of.trained]
            sums[0] += costs.train
            sums[1] += costs.epochs * of.share
            self._measured[of.measured] += costs
            self._whole.add(of.trained)

    def add_partial(self, of: CostKey, part: Partial) -> None:
        """A part of an epoch that is not recorded yet, where no whole one of its kin is; it was not measured yet."""
        if of.trained not in self._whole:
            sums = self._trained[of.trained]
            sums[0] += part.seconds
            sums[1] += part.share * of.share

    def epoch(self, of: CostKey) -> float | None:
        """Seconds of one epoch with its share of evaluation; None if no kin was measured."""
        if of.trained not in self._trained:
            return None
        seconds, epochs = self._trained[of.trained]
        measured = self._measured.get(of.measured)
        return seconds / epochs * of.share + (measured.evaluate / measured.epochs if measured else 0.0)

    def measures(self, of: CostKey) -> bool:
        """Whether it is known how long its evaluations take."""
        return of.measured in self._measured

    def final(self, of: CostKey) -> float:
        """Seconds at the end of a training, as far as measured."""
        measured = self._measured.get(of.measured)
        return measured.final / measured.ended if measured and measured.ended else 0.0


class Left(NamedTuple):
    """Seconds of training, of those whose pace is known, and how many others there are."""

    seconds: float
    unknown: int
    unmeasured: int = 0  # of those whose pace is known, how many are measured as none before: it takes time not told


def estimate_time(pace: CostModel, epochs: Iterable[tuple[CostKey, int, bool]]) -> Left:
    """What so many epochs of each kind take, and the final evaluation where it is to come."""
    seconds, unknown, unmeasured = 0.0, 0, 0
    for of, count, ending in epochs:
        per_epoch = pace.epoch(of)
        if per_epoch is None:
            unknown += bool(count)
        else:
            seconds += per_epoch * count + ending * pace.final(of)
            unmeasured += bool(count) and not pace.measures(of)
    return Left(seconds, unknown, unmeasured)


def _share(subset: Row, examples: Any) -> tuple[float, Any]:
    """The share of the data that a subset uses; a count of an unknown number is returned as such beside 1."""
    size, band = subset.get("size"), subset.get("band")
    if band:
        return band[1] - band[0], None
    if isinstance(size, str):
        return float(size.rstrip("%")) / 100, None
    if size is None:
        return 1.0, None
    return (size / examples, None) if isinstance(examples, int) else (1.0, size)


def _costly(piece: Any) -> Any:
    """A method without its strengths: numbers that are no counts, and shares and step sizes written as words."""
    if isinstance(piece, dict):
        kept = {key: value if key == "tau" else _costly(value) for key, value in piece.items() if key != "burn_in"}
        return {key: value for key, value in kept.items() if value is not ...}
    if isinstance(piece, list):
        return [value for value in map(_costly, piece) if value is not ...]
    strength = isinstance(piece, float) or (isinstance(piece, str) and (re.search(r"\d", piece) or piece == "inf"))
    return ... if strength else piece
