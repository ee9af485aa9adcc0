"""The state that only the driver of a sweep knows, in now.json for other processes: running, waiting and freed.

The file is optional: a sweep whose now.json is missing or old is shown without it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Required, TypedDict

from search.monitor.cost_model import Costs
from trainers.checking import build_checker
from trainers.record_io import Place, Row, write_json
from trainers.record_reader import read_json


@dataclass(frozen=True)
class Heartbeat:
    """The state of a running sweep at one moment. Its fields are the keys of now.json."""

    began: float  # seconds since the epoch
    slots: int  # trainings that run at once
    running: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # trainings whose worker is lost
    left_out: tuple[str, ...] = ()  # trainings that this run skips: their inputs cannot be made, or the budget is spent
    waiting: dict[str, int] = field(default_factory=dict)  # awaited thing -> number of trainings that wait for it
    freed: int = 0  # bytes of states that no training needs any more
    forgotten: int = 0  # number of such states
    to_measure: int = 0  # trainings that had ended before and are only measured further, so far in this run
    measured: int = 0  # those of them that are done
    measured_seconds: float = 0.0  # process seconds spent on them
    measuring_since: tuple[float, ...] = ()  # for each that a process measures now, when that began
    expected_trials: int = 0  # in all generations of a search; 0: unknown, or all are planned
    probed: dict[str, Costs] = field(default_factory=dict)  # training -> a probe's estimate for all comparable ones

    @property
    def states(self) -> dict[str, str]:
        """Training -> its state, for the trainings that the heartbeat names."""
        named = (("left out", self.left_out), ("lost", self.lost), ("running", self.running))
        return {name: state for state, names in named for name in names}

    def list_measuring_left(self, now: float) -> list[float] | None:
        """Return the process seconds that each training still to be measured takes; None before the first is done.

        Each takes the mean of those that are done; one that takes longer has a tenth of the mean left.
        """
        if not self.measured:
            return None
        mean = self.measured_seconds / self.measured
        begun = [max(mean - (now - since), mean / 10) for since in self.measuring_since]
        return begun + [mean] * (self.to_measure - self.measured - len(begun))

    def write(self, folder: Place) -> None:
        """Write now.json. Raises OSError."""
        write_json(folder / "now.json", asdict(self))

    @staticmethod
    def read(folder: Place) -> Heartbeat | None:
        """Read now.json; None if it is missing or damaged."""
        found = read_json(folder / "now.json", _check_heartbeat)
        if found is None:
            return None
        known = {name: found[name] for name in _HeartbeatRecord.__annotations__ if name in found}
        fields: Row = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
        estimates = known.get("probed", {}).items()
        parts = _CostsRecord.__annotations__
        fields["probed"] = {
            name: Costs(**{part: costs[part] for part in parts if part in costs}) for name, costs in estimates
        }
        return Heartbeat(**fields)


class _CostsRecord(TypedDict, total=False):
    """A probe's estimate of a whole training; its keys are the fields of Costs."""

    epochs: Required[int]
    train: Required[float]
    evaluate: Required[float]
    final: Required[float]
    final_evaluations: Required[int]
    evaluations: int  # missing in one of an earlier version


class _HeartbeatRecord(TypedDict, total=False):
    """The content of now.json."""

    began: Required[float]
    slots: Required[int]
    running: list[str]
    lost: list[str]
    left_out: list[str]
    waiting: dict[str, int]
    freed: int
    forgotten: int
    to_measure: int
    measured: int
    measured_seconds: float
    measuring_since: list[float]
    expected_trials: int
    probed: dict[str, _CostsRecord]


_check_heartbeat = build_checker(_HeartbeatRecord)
