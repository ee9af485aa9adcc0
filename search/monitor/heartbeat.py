"""What only the process that runs a sweep knows, left for others to read: what runs, what waits, what was freed.

Nothing hangs on it: a sweep whose now.json is missing or old is shown without.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Required, TypedDict

from trainers.checking import build_checker
from trainers.reading import read_json
from trainers.record_io import Place, Row, write_json


@dataclass(frozen=True)
class Heartbeat:
    """The moment of a run."""

    began: float  # seconds since the epoch
    slots: int  # trainings that run at once
    running: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # with their workers
    left_out: tuple[str, ...] = ()  # not trained by this run: what they need cannot be made, or paid for
    waiting: dict[str, int] = field(default_factory=dict)  # for what, and how many trainings
    freed: int = 0  # bytes of states that nobody needs any more
    forgotten: int = 0  # such states

    @property
    def states(self) -> dict[str, str]:
        """Of the trainings of which it says something, what."""
        of = (("left out", self.left_out), ("lost", self.lost), ("running", self.running))
        return {name: state for state, names in of for name in names}

    def write(self, folder: Place) -> None:
        """Raises OSError."""
        write_json(folder / "now.json", asdict(self))

    @staticmethod
    def read(folder: Place) -> Heartbeat | None:
        found = read_json(folder / "now.json", _A_MOMENT)
        if found is None:
            return None
        known = {name: found[name] for name in _Moment.__annotations__ if name in found}
        listed: Row = {name: tuple(it) if isinstance(it, list) else it for name, it in known.items()}
        return Heartbeat(**listed)


class _Moment(TypedDict, total=False):
    """As now.json has it."""

    began: Required[float]
    slots: Required[int]
    running: list[str]
    lost: list[str]
    left_out: list[str]
    waiting: dict[str, int]
    freed: int
    forgotten: int


_A_MOMENT = build_checker(_Moment)
