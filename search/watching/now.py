"""What only the process that runs a sweep knows, left for others to read: what runs, what waits, what was freed.

Nothing hangs on it: a sweep whose now.json is missing or old is shown without.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from trainers.records import Place, Row, read_json, write_json


@dataclass(frozen=True)
class Now:
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
    def read(folder: Place) -> Now | None:
        found: Row | None = read_json(folder / "now.json")
        if not isinstance(found, dict):
            return None
        try:
            return Now(**found | {name: tuple(found[name]) for name in ("running", "lost", "left_out")})
        except (KeyError, TypeError):  # of another version, or no such thing
            return None
