"""Jobs: the part of a trial that a worker receives, and the reports that it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import yaml

from search.planning.datasets import identify_source
from search.planning.front_first import FrontAttacks
from search.planning.measurements import complete_evaluation
from search.planning.plan import Plan
from search.planning.schedule import Task
from search.planning.start_weights import StartWeights
from search.schema.blocks import Keep, Search
from search.store.store import Store
from trainers.record_io import Row
from trainers.state_chain import training_code

JobStatus = Literal[
    "running", "paused", "completed", "diverged", "stopped", "failed", "lost", "out of memory", "storage"
]
ENDED_IN_RUN = ("completed", "diverged", "stopped", "failed")  # no further job of the trial in this run
MIN_SLICE_SECONDS = 1.0  # between reports of a training, if its epochs are shorter
MAX_REPORTS_PER_SECOND = 200.0  # of all trainings; each report costs the driver milliseconds


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to train one trial, as plain values that any node can load."""

    folder: str
    trial: str
    config: Row
    evaluation: Row
    data: str
    source: str  # identity of the shared source of its data
    ranks: str | None
    final: str
    threads: int
    code: str  # the training code in the names of stages
    training_code: str  # the code that runs; it differs from `code` only if the user accepts the change
    checkpoint_seconds: float
    slice_seconds: float = MIN_SLICE_SECONDS  # least time between reports
    timeout: float | None = None  # seconds without a report after which a trial counts as hanging
    start: Row | None = None  # the weights to start from; None: fresh weights
    forks: tuple[int, ...] = ()  # after these epochs other trials continue from its state, which the driver deletes
    since: int = 0  # epochs of the stored state to continue from
    until: int | None = None  # epoch to stop at; None: the last
    stop: Row | None = None  # the record of an early stop at `until`
    postponed: tuple[str, ...] = ()  # final attacks for the front that do not run
    corrupted: str | None = None  # identity of the corrupted test sets that only the last state is measured on
    keep: Keep = "best"


@dataclass(frozen=True)
class Report:
    """A worker's report of a job after a slice of it."""

    outcome: JobStatus
    stored: int = 0  # after so many epochs its deepest state is stored
    rows: list[Row] = field(default_factory=list)  # trainers.records.EpochRecord of epochs that no earlier report had
    why: str = ""  # of an outcome that the records do not explain


def choose_slice_seconds(workers: int) -> float:
    """Return the time between reports of a training at which the driver keeps up with all workers."""
    return max(MIN_SLICE_SECONDS, workers / MAX_REPORTS_PER_SECOND)


def dump_config(job: Job, ranks: Row | None) -> str:
    """Return the trial's config.yaml; `ranks` is the provenance of the ranking that cuts its subset."""
    start = StartWeights.model_validate(job.start).identity if job.start else None
    content = {"trial": job.config, "evaluate": job.evaluation, "ranks": ranks, "start": start}
    if job.corrupted:
        content["corrupted"] = job.corrupted
    return yaml.safe_dump(content, sort_keys=False)


class JobFactory:
    """Makes the jobs of a plan."""

    def __init__(self, store: Store, plan: Plan, search: Search, front: FrontAttacks) -> None:
        self._store, self._plan, self._search, self._front = store, plan, search, front
        self.slots = 0  # trainings that run at once

    def make_whole(self, i: int) -> Job:
        """Return the job of a training from its first epoch to its last."""
        return self.make(Task(i, 0, self._plan.trials[i].config.epochs))

    def make(self, task: Task) -> Job:
        """Return the job of a task."""
        trial = self._plan.trials[task.i]
        forks = self._plan.tree.forks(task.i)
        evaluation = complete_evaluation(self._store, trial.id, trial.final, self._plan.evaluation)
        return Job(
            folder=str(self._store.folder),
            trial=trial.id,
            config=trial.config.model_dump(mode="json"),
            evaluation=evaluation.model_dump(mode="json"),
            data=trial.data,
            source=identify_source(trial.config.data),
            ranks=trial.ranks if trial.kind == "trial" else None,
            start=trial.start.model_dump() if trial.start else None,
            final=trial.final,
            threads=self._plan.threads,
            code=self._plan.code,
            training_code=training_code(),
            checkpoint_seconds=self._search.checkpoint_seconds,
            slice_seconds=choose_slice_seconds(self.slots),
            timeout=self._search.timeout,
            forks=(*forks, trial.config.epochs) if trial.kind == "pretrain" else forks,
            keep=self._search.keep,
            since=task.since,
            until=task.until,
            stop=task.stop,
            postponed=tuple(sorted(self._front.list_postponed(trial, evaluation))),
            corrupted=trial.corrupted,
        )
