"""The queue that a backend asks for the next job whenever a worker is free, and tells how each job ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from search.execution.retries import Retries
from search.planning.jobs import ENDED_IN_RUN, Job, Report
from search.planning.schedule import Schedule, Task

MORE = "give it more by `resources:`, or lower trial.batch_size"


class QueueListener(Protocol):
    """Receives the progress of trainings; `i` is the place of a training in the plan."""

    def on_report(self, i: int, report: Report) -> None:
        """Handle a report of a running training."""

    def find_stored_epochs(self, i: int) -> int:
        """Return after how many epochs the deepest state of a training is stored."""

    def on_retry(self, i: int, why: str) -> None:
        """Handle a failed try of a training that will be tried again."""

    def on_end(self, i: int, outcome: str, why: str = "") -> None:
        """Handle the end of a training with an outcome of search.planning.jobs, or "withdrawn"."""


class JobQueue:
    """Hands out jobs in the order of the schedule, and updates the schedule with their reports and ends.

    A task is one job on one worker; a training may take several tasks, one after another. Backends never retry a task:
    only the schedule knows which training has to make again a state that was lost with a worker.
    """

    def __init__(
        self, schedule: Schedule, job: Callable[[Task], Job], listener: QueueListener, retries: Retries
    ) -> None:
        self.failure: str | None = None  # why no further training can run
        self._schedule, self._job, self._listener, self._retries = schedule, job, listener, retries
        self._running: dict[str, int] = {}

    @property
    def running(self) -> list[str]:
        """The tasks that were begun and have not ended."""
        return list(self._running)

    @property
    def trains_alone(self) -> bool:
        """Return whether some training has to run while no other worker takes memory."""
        return bool(self._schedule.exclusive)

    def begin(self, task: str) -> Job | None:
        """Return the job that the named task runs from now on; None if none may begin now."""
        found = None if self.failure else self._schedule.next_task()
        if found is None:
            return None
        self._running[task] = found.i
        return self._job(found)

    def report(self, task: str, report: Report) -> None:
        """Record the progress of a running task."""
        self._note(self._running[task], report)

    def end(self, task: str, report: Report | None) -> None:
        """Record how a task ended; a task without a report was taken back before it did anything."""
        i = self._running.pop(task, None)
        if i is None:
            return
        if report is None:
            self._schedule.release(i, ended=False)
            return self._listener.on_end(i, "withdrawn")
        self._note(i, report)
        self._ended(i, report.outcome, report.why)

    def lose(self, task: str, outcome: str, why: str, excused: bool = False) -> None:
        """Record that a task ended with its worker: "lost", or "out of memory".

        `excused`: the loss, and those before it, do not count against the training.
        """
        i = self._running.pop(task, None)
        if i is not None:
            if excused:
                self._retries.forgive(i)
            self._ended(i, outcome, why, excused)

    def release_all(self) -> None:
        """Record that the backend ended all tasks before they were done; their trainings resume later."""
        for i in self._running.values():
            self._schedule.begin_again(i)
        self._running.clear()

    def _note(self, i: int, report: Report) -> None:
        self._schedule.record_state(i, report.stored)
        self._listener.on_report(i, report)

    def _ended(self, i: int, outcome: str, why: str, excused: bool = False) -> None:
        if outcome == "storage":
            self.failure = why
            return self._schedule.release(i, ended=False)
        if outcome in ("lost", "out of memory"):  # it may have stored a state that no report mentions
            self._note(i, Report("running", self._listener.find_stored_epochs(i)))
        if outcome == "lost":
            again = excused or self._retries.lost(i, self._schedule.stored_epochs[i])
            in_vain = f"{why}, {self._retries.limit + 1} times in a row"
        elif outcome == "out of memory":
            again = self._retries.out_of_memory(i)
            in_vain = f"{why}, also alone; {MORE}"
            self._schedule.exclusive.add(i)
        else:
            self._schedule.release(i, ended=outcome in ENDED_IN_RUN)
            return self._listener.on_end(i, outcome, why)
        if again:
            self._schedule.begin_again(i)
            return self._listener.on_retry(i, why)
        self._schedule.release(i, ended=True)
        return self._listener.on_end(i, "failed", in_vain)
