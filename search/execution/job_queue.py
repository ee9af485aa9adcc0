"""Which training starts next, asked by Ray Tune whenever there is room: the schedule, as Tune's searcher."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from ray.tune.search import Searcher

from search.planning.jobs import ENDED_IN_RUN, Job
from search.planning.schedule import Schedule, Task
from search.ray_env import Unpickled  # before any other import of Ray

MORE = "give it more by `resources:`, or lower trial.batch_size"


class QueueListener(Protocol):
    """Whoever wants to know how trainings go on."""

    def reported(self, i: int, result: dict[str, Any]) -> None:
        """The i-th training of the plan was trained on."""

    def depth(self, i: int) -> int:
        """After how many epochs the deepest state of it is stored."""

    def again(self, i: int, why: str) -> None:
        """It came to no end, and will be tried again."""

    def over(self, i: int, outcome: str, why: str = "") -> None:
        """It does not run any more: an outcome as search.planning.jobs has it."""


class JobQueue(Unpickled, Searcher):
    """Hands out jobs as the schedule has them, and tells it what came of them.

    A task is a trial to Tune; a training may come as several tasks, one after another. Tune tries nothing again: who
    waits for a state that was lost with its trainer may have to make it, and that the schedule knows.
    """

    def __init__(self, schedule: Schedule, job: Callable[[Task], Job], hears: QueueListener, retries: Retries) -> None:
        super().__init__(metric="epoch", mode="max")
        self.trouble: str | None = None  # why no training can go on
        self._schedule, self._job, self._hears, self._retries = schedule, job, hears, retries
        self._running: dict[str, int] = {}

    @property
    def running(self) -> list[str]:
        """The tasks that were begun and have not ended."""
        return list(self._running)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        task = None if self.trouble else self._schedule.next_task()
        if task is not None:
            self._running[trial_id] = task.i
            job = self._job(task)
            # text, for Tune copies and walks what it is given; keys keep their order, which is that of config.yaml
            return {"trial": job.trial, "job": json.dumps(asdict(job))}
        return None if self._running else Searcher.FINISHED  # with nothing running None would block for ever

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        self._heard(self._running[trial_id], result)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """With an error nothing yet: `lost` is called next, and knows which."""
        if error or trial_id not in self._running:
            return
        i = self._running.pop(trial_id)
        if not result or "outcome" not in result:  # by an end of the whole run, before it began
            self._schedule.release(i, ended=False)
            return self._hears.over(i, "withdrawn")
        self._heard(i, result)
        self._ended(i, result["outcome"], result.get("why", ""))

    def lost(self, trial_id: str, outcome: str, why: str) -> None:
        """A task ended with its worker: "lost", or "out of memory"."""
        i = self._running.pop(trial_id, None)
        if i is not None:
            self._ended(i, outcome, why)

    def cut_off(self) -> None:
        """Tune has ended all that ran: it goes on later."""
        for i in self._running.values():
            self._schedule.release(i, ended=False)
        self._running.clear()

    def _heard(self, i: int, result: dict) -> None:
        self._schedule.record_state(i, result["stored"])
        self._hears.reported(i, result)

    def _ended(self, i: int, outcome: str, why: str) -> None:
        if outcome == "storage":
            self.trouble = why
            return self._schedule.release(i, ended=False)
        if outcome in ("lost", "out of memory"):
            self._heard(i, {"stored": self._hears.depth(i), "rows": []})  # what it stored last it may not have told
        if outcome == "lost":
            again = self._retries.lost(i, self._schedule.stored_epochs[i])
            vain = f"{why}, {self._retries.limit + 1} times in a row"
        elif outcome == "out of memory":
            again = self._retries.out_of_memory(i)
            vain = f"{why}, also alone; {MORE}"
            self._schedule.exclusive.add(i)
        else:
            self._schedule.release(i, ended=outcome in ENDED_IN_RUN)
            return self._hears.over(i, outcome, why)
        self._schedule.release(i, ended=not again)
        return self._hears.again(i, why) if again else self._hears.over(i, "failed", vain)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""


class Retries:
    """Counts, of each training, how often it got no further; a worker killed now and then is no fault of its own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # times in a row without a deeper stored state
        self._lost: dict[int, tuple[int, int]] = {}  # after how many epochs, and how often there
        self._alone: set[int] = set()  # had their one try without company

    def lost(self, i: int, at: int) -> bool:
        """Whether a training is tried again whose worker died, when a state after `at` epochs was stored."""
        before, times = self._lost.get(i, (at, 0))
        times = times + 1 if at <= before else 1
        self._lost[i] = max(at, before), times
        return times <= self.limit

    def out_of_memory(self, i: int) -> bool:
        """Whether a training is tried again for which memory ran out: once, alone."""
        first = i not in self._alone
        self._alone.add(i)
        return first
