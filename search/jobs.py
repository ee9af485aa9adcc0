"""What a worker is told of a trial, and what comes of it."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from search.remote import place
from search.starting import Start
from search.store import Keep, Store
from trainers.records import Row, read_json, write_atomic

Outcome = Literal["running", "paused", "completed", "diverged", "stopped", "failed", "disk full"]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


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
    code: str  # the training code that stages are named after
    trains: str  # the one that trains: another only if the user accepts the change
    checkpoint_seconds: float
    start: Row | None = None  # the weights to start from, if not fresh ones
    forks: tuple[int, ...] = ()  # after these epochs others go on from its state: stored, and the driver's to forget
    since: int = 0  # a state after so many epochs is stored
    until: int | None = None  # train no further than this, or to the end
    stop: Row | None = None  # end it there, and why
    keep: Keep = "best"


def described(job: Job, ranks: Row | None) -> str:
    """The trial's config.yaml; `ranks`: where the ranking comes from that its subset is cut by."""
    start = Start.model_validate(job.start).identity if job.start else None
    content = {"trial": job.config, "evaluate": job.evaluation, "ranks": ranks, "start": start}
    return yaml.safe_dump(content, sort_keys=False)


class Mismatch(Exception):
    """This worker would train something else than was planned."""


def outcome_of(job: Job, error: Exception) -> Outcome:
    """What an error makes of a trial: a full disk ends the sweep, any other is written to the trial's error.txt."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return "disk full"
    try:
        write_atomic(
            Store(place(job.folder)).trial(job.trial) / "error.txt", "".join(traceback.format_exception(error))
        )
    except OSError:
        return "disk full"
    return "failed"


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
