"""What a worker is told of a trial, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import yaml

from search.planning.datasets import source_key
from search.planning.plan import Plan
from search.planning.schedule import Task
from search.planning.start_weights import StartWeights
from search.schema.blocks import Keep, Search
from search.store.store import Store
from trainers.chain import training_code
from trainers.record_io import Row

Outcome = Literal["running", "paused", "completed", "diverged", "stopped", "failed", "out of memory", "storage"]
ENDED = ("completed", "diverged", "stopped", "failed")  # for this run; others may go on
SLICE_SECONDS = 1.0  # between a training's reports, if its epochs are shorter
REPORTS = 200.0  # a second, of all trainings: each costs the driver milliseconds


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
    slice_seconds: float = SLICE_SECONDS  # between reports, at least
    timeout: float | None = None  # seconds after which a report that does not come shows that it hangs
    start: Row | None = None  # the weights to start from, if not fresh ones
    forks: tuple[int, ...] = ()  # after these epochs others go on from its state: stored, and the driver's to forget
    since: int = 0  # a state after so many epochs is stored
    until: int | None = None  # train no further than this, or to the end
    stop: Row | None = None  # end it there, and why
    keep: Keep = "best"


@dataclass(frozen=True)
class Report:
    """What a worker says of a job after a slice of it."""

    outcome: Outcome
    stored: int = 0  # after so many epochs its deepest state is stored
    rows: list[Row] = field(default_factory=list)  # trainers.records.EpochRecord of epochs that no earlier report had
    why: str = ""  # of an outcome that the records do not explain


def slice_seconds(workers: int) -> float:
    """Between two reports of a training, so that the driver can hear so many of them."""
    return max(SLICE_SECONDS, workers / REPORTS)


def config_yaml(job: Job, ranks: Row | None) -> str:
    """The trial's config.yaml; `ranks`: where the ranking comes from that its subset is cut by."""
    start = StartWeights.model_validate(job.start).identity if job.start else None
    content = {"trial": job.config, "evaluate": job.evaluation, "ranks": ranks, "start": start}
    return yaml.safe_dump(content, sort_keys=False)


class JobFactory:
    """The jobs of a plan."""

    def __init__(self, store: Store, plan: Plan, search: Search) -> None:
        self._store, self._plan, self._search = store, plan, search
        self.slots = 0  # trainings at once

    def whole(self, i: int) -> Job:
        """A training from its first epoch to its last."""
        return self.of(Task(i, 0, self._plan.trials[i].config.epochs))

    def of(self, task: Task) -> Job:
        """That part of a training which is due now."""
        trial = self._plan.trials[task.i]
        forks = self._plan.tree.forks(task.i)
        return Job(
            folder=str(self._store.folder),
            trial=trial.id,
            config=trial.config.model_dump(mode="json"),
            evaluation=self._plan.evaluation.model_dump(mode="json"),
            data=trial.data,
            source=source_key(trial.config.data),
            ranks=trial.ranks if trial.kind == "trial" else None,
            start=trial.start.model_dump() if trial.start else None,
            final=trial.final,
            threads=self._plan.threads,
            code=self._plan.code,
            trains=training_code(),
            checkpoint_seconds=self._search.checkpoint_seconds,
            slice_seconds=slice_seconds(self.slots),
            timeout=self._search.timeout,
            forks=(*forks, trial.config.epochs) if trial.kind == "pretrain" else forks,
            keep=self._search.keep,
            since=task.since,
            until=task.until,
            stop=task.stop,
        )
