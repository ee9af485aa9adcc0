"""Which training starts next, asked by a backend whenever a worker is free, and what becomes of those that run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from search.planning.jobs import ENDED_IN_RUN, Job, Report
from search.planning.schedule import Schedule, Task

MORE = "give it more by `resources:`, or lower trial.batch_size"


class QueueListener(Protocol):
    """What is told how trainings go on."""

    def reported(self, i: int, report: Report) -> None:
        """The i-th training of the plan was trained on."""

    def depth(self, i: int) -> int:
        """Return after how many epochs its deepest state is stored."""

    def again(self, i: int, why: str) -> None:
        """It came to no end, and will be tried again."""

    def over(self, i: int, outcome: str, why: str = "") -> None:
        """It does not run any more: an outcome as search.planning.jobs has it."""


class JobQueue:
    """Hands out jobs as the schedule has them, and tells the schedule what came of them.

    A task is one job on one worker; a training may come as several tasks, one after another. No backend retries a task:
    a training that waits for a state that was lost with its worker may have to make it, and that the schedule knows.
    """

    def __init__(
        self, schedule: Schedule, job: Callable[[Task], Job], listener: QueueListener, retries: Retries
    ) -> None:
        self.trouble: str | None = None  # why no training can go on
        self._schedule, self._job, self._listener, self._retries = schedule, job, listener, retries
        self._running: dict[str, int] = {}

    @property
    def running(self) -> list[str]:
        """The tasks that were begun and have not ended."""
        return list(self._running)

    def begin(self, task: str) -> Job | None:
        """Return the job that the named task runs from now on; None if none may begin now."""
        found = None if self.trouble else self._schedule.next_task()
        if found is None:
            return None
        self._running[task] = found.i
        return self._job(found)

    def report(self, task: str, report: Report) -> None:
        """Note how far a task is that goes on."""
        self._note(self._running[task], report)

    def end(self, task: str, report: Report | None) -> None:
        """Note how a task ended; without a report it was taken back before it did anything."""
        i = self._running.pop(task, None)
        if i is None:
            return
        if report is None:
            self._schedule.release(i, ended=False)
            return self._listener.over(i, "withdrawn")
        self._note(i, report)
        self._ended(i, report.outcome, report.why)

    def lose(self, task: str, outcome: str, why: str) -> None:
        """Note that a task ended with its worker: "lost", or "out of memory"."""
        i = self._running.pop(task, None)
        if i is not None:
            self._ended(i, outcome, why)

    def release_all(self) -> None:
        """Note that the backend ended all tasks before they were done: their trainings go on later."""
        for i in self._running.values():
            self._schedule.release(i, ended=False)
        self._running.clear()

    def _note(self, i: int, report: Report) -> None:
        self._schedule.record_state(i, report.stored)
        self._listener.reported(i, report)

    def _ended(self, i: int, outcome: str, why: str) -> None:
        if outcome == "storage":
            self.trouble = why
            return self._schedule.release(i, ended=False)
        if outcome in ("lost", "out of memory"):  # it may have stored a state that no report told of
            self._note(i, Report("running", self._listener.depth(i)))
        if outcome == "lost":
            again = self._retries.lost(i, self._schedule.stored_epochs[i])
            in_vain = f"{why}, {self._retries.limit + 1} times in a row"
        elif outcome == "out of memory":
            again = self._retries.out_of_memory(i)
            in_vain = f"{why}, also alone; {MORE}"
            self._schedule.exclusive.add(i)
        else:
            self._schedule.release(i, ended=outcome in ENDED_IN_RUN)
            return self._listener.over(i, outcome, why)
        self._schedule.release(i, ended=not again)
        return self._listener.again(i, why) if again else self._listener.over(i, "failed", in_vain)


class Retries:
    """Counts how often each training got no further; a worker killed now and then is no fault of the training."""

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
