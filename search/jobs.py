"""What a worker is told of a trial, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from search.store import Keep, Store
from trainers.records import Row, read_json

Outcome = Literal["running", "paused", "completed", "diverged", "stopped", "failed", "out of memory", "storage"]
ENDED = ("completed", "diverged", "stopped", "failed")


@dataclass(frozen=True)
class Job:
    """All that a worker must be told to train one trial; plain values, so that any node can be."""

    folder: str
    trial: str
    config: Row
    evaluation: Row
    data: str
    source: str  # which of the shared sources its data is drawn from
    ranks: str | None
    final: str
    threads: int
    checkpoint_seconds: float
    timeout: float | None = None  # seconds after which a report that does not come shows that it hangs
    start: Row | None = None  # the weights to start from, if not fresh ones
    forks: tuple[int, ...] = ()  # after these epochs others go on from its state: stored, and the driver's to forget
    since: int = 0  # a state after so many epochs is stored
    until: int | None = None  # train no further than this, or to the end
    stop: Row | None = None  # end it there, and why
    keep: Keep = "best"


class Mismatch(Exception):
    """This worker would train something else than was planned."""


def status_of(store: Store, trial: str, final: str) -> str:
    """completed, diverged, failed, running (it has rows) or planned, as the records say."""
    result: Any = store.result(trial, final)
    if result:
        return str(result["status"])
    folder = store.trial(trial)
    if (folder / "error.txt").exists():
        return "failed"
    stale = read_json(folder / "result.json")
    return "running" if (folder / "epochs.jsonl").exists() and not stale else "planned"
