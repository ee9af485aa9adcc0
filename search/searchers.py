"""Which training starts next, asked by Ray Tune whenever there is room: the schedule, as Tune's searcher."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from ray.tune.search import Searcher

from search.environment import Unpickled  # before any other import of Ray
from search.jobs import Job
from search.schedule import Schedule, Task

ENDED = ("completed", "diverged", "stopped", "failed", "lost")  # for this run; others may go on


class Hears(Protocol):
    """Whoever wants to know how trainings go on."""

    def reported(self, i: int, result: dict[str, Any]) -> None:
        """The i-th training of the plan was trained on."""

    def over(self, i: int, outcome: str) -> None:
        """It does not run any more: an outcome as search.jobs has it, or "lost" with its worker."""


class Queue(Unpickled, Searcher):
    """Hands out jobs as the schedule has them, and tells it what came of them.

    A task is a trial to Tune; a training may come as several tasks, one after another.
    """

    def __init__(self, schedule: Schedule, job: Callable[[Task], Job], hears: Hears):
        super().__init__(metric="epoch", mode="max")
        self._schedule, self._job, self._hears = schedule, job, hears
        self._running: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        task = self._schedule.next()
        if task is not None:
            self._running[trial_id] = task.i
            job = self._job(task)
            return {"trial": job.trial, "job": json.dumps(asdict(job))}  # text: Tune copies and walks what it is given
        return None if self._running else Searcher.FINISHED  # with nothing running None would block for ever

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        i = self._running[trial_id]
        self._schedule.stored(i, result["stored"])
        self._hears.reported(i, result)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        i = self._running.pop(trial_id, None)
        if i is None:
            return
        outcome = "lost" if error else "withdrawn"  # by an end of the whole run, before it began
        if result and "outcome" in result and not error:
            outcome = result["outcome"]
            self._schedule.stored(i, result["stored"])
            self._hears.reported(i, result)
        self._schedule.released(i, ended=outcome in ENDED)
        self._hears.over(i, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""
