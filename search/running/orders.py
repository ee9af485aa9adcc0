"""What the driver tells a worker of a training."""

from __future__ import annotations

from search.planning.jobs import Job, slice_seconds
from search.planning.plan import Plan
from search.planning.schedule import Task
from search.planning.sources import source_key
from search.schema.space import Search
from search.storing.store import Store
from trainers.chain import training_code


class Orders:
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
