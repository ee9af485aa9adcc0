"""Backends that a test disturbs: workers lost or failing, of uneven speed, killed, or never there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from math import inf
from random import Random

import pytest

from search.exceptions import Infeasible
from search.execution.backend import Capacity, Workload
from search.execution.in_process_backend import InProcessBackend
from search.execution.job_queue import JobQueue
from search.execution.worker import Worker
from search.monitor.callback import Callback
from search.planning.jobs import Report
from search.store.checkpoint_writer import wait_for_writes

TURNS = 10_000  # more than any sweep of these tests needs


class DisturbedBackend(InProcessBackend):
    """Lets a test interfere before each turn, and counts the epochs that are trained."""

    def __init__(
        self, slots: int = 2, disturb: Callable[[DisturbedBackend, int], None] = lambda backend, turn: None
    ) -> None:
        super().__init__(slots)
        self._disturb = disturb
        self.epochs = self._turns = 0

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        self._workload, self._turns = workload, 0
        return super().run(workload, capacity, queue, callbacks)

    def turn(self) -> Sequence[str]:
        if self._turns == TURNS:
            pytest.fail("the sweep makes no progress")
        self._disturb(self, self._turns)
        self._turns += 1
        return super().turn()

    def step(self, task: str) -> Report:
        report = super().step(task)
        self.epochs += bool(report.rows)
        return report

    def lose(self, task: str, outcome: str = "lost", why: str = "its worker died") -> None:
        """End a worker, with all that it had not stored."""
        wait_for_writes()
        self._drop(task)
        self._queue.lose(task, outcome, why)

    def fail(self, task: str, why: str) -> None:
        """Let a task report that it failed."""
        self._drop(task)
        self._queue.end(task, Report("failed", why=why))

    def _drop(self, task: str) -> None:
        del self.running[task]
        self._idle.append(Worker(self._workload.sources))

    def place(self, task: str) -> int:
        """Return the place of a task's training in the plan."""
        return [trial.id for trial in self._workload.plan.trials].index(self.running[task].job.trial)


class Killed(BaseException):
    """The process would be gone."""


class UnevenBackend(InProcessBackend):
    """Trains an epoch of a task that is drawn at random, and is killed after so many."""

    def __init__(self, random: Random, slots: int = 1, epochs: float = inf) -> None:
        super().__init__(slots)
        self._random, self._left = random, epochs

    def turn(self) -> Sequence[str]:
        if self._left <= 0:
            raise Killed
        self._left -= 1
        return [self._random.choice(sorted(self.running))]


class RefusingBackend:
    """Cannot be reached, which is known late."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        """Refuse to run, after `before` was called."""
        self._before = before

    def prepare(self, workload: Workload) -> AbstractContextManager[Capacity]:
        self._before()
        raise Infeasible("no Ray answers at 10.0.0.7:6379")

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        pytest.fail("it was never prepared")
