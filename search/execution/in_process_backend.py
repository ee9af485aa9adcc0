"""Trainings in this very process, without Ray: for tests, and to step through a sweep with a debugger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from search.execution.backend import Capacity, Workload
from search.execution.failures import GpuFault
from search.execution.job_queue import JobQueue
from search.execution.worker import Worker
from search.monitor.callback import Callback
from search.planning.jobs import Report


class InProcessBackend:
    """Trains an epoch of each task in turn, in the order in which the tasks began.

    The same queue, workers, sessions and store as on Ray: the records are the same bytes. A worker cannot be lost, for
    it is this process; a hang that search.timeout ends takes the driver with it, and the same command carries on. A
    fault of the GPU ends the run, as only a new process may be able to use it.
    """

    def __init__(self, slots: int = 1) -> None:
        """Hold up to `slots` tasks at once."""
        self.slots = slots

    @contextmanager
    def prepare(self, workload: Workload) -> Iterator[Capacity]:
        """Install the signal handlers. The process that planned the trainings runs them, so no worker needs a check."""
        resources = workload.resources
        with workload.interrupt.installed():
            yield Capacity(self.slots, resources.share_gpus(self.slots) if resources.gpus == "auto" else resources)

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        """Step the running trainings in turn until none is left; on a request to stop, store the epoch and return."""
        self.running: dict[str, Worker] = {}
        self._queue, self._callbacks = queue, callbacks
        self._names = map(str, count())
        self._idle = [Worker(workload.sources) for _ in range(capacity.slots)]
        interrupt = workload.interrupt
        interrupt.listening = lambda: True
        try:
            while not interrupt.exit_code and self._fill():
                for task in self.turn():
                    if task in self.running and not interrupt.exit_code and not queue.failure:
                        self.step(task)
                for callback in callbacks:
                    callback.on_step()
        finally:
            interrupt.listening = None
        for worker in self.running.values():
            worker.pause()
        queue.release_all()
        return queue.failure

    def turn(self) -> Sequence[str]:
        """Return the tasks that train an epoch next, one after another."""
        return list(self.running)

    def step(self, task: str) -> Report:
        """Train an epoch of a task, and report it."""
        worker = self.running[task]
        try:
            report = worker.step()
        except GpuFault as fault:
            self.running.clear()  # whose states are on that GPU
            self._queue.failure = f"this process cannot use its GPU any more: {fault}"
            return Report("lost", why=str(fault))
        if report.outcome == "running":
            self._queue.report(task, report)
        else:
            self._idle.append(self.running.pop(task))
            self._queue.end(task, report)
        for callback in self._callbacks:
            callback.on_report(task, worker.job)
            if report.outcome != "running":
                callback.on_end(task, worker.job)
        return report

    def _fill(self) -> bool:
        """Begin what may begin. Returns whether anything is to be trained."""
        while self._idle and (job := self._queue.begin(task := next(self._names))):
            worker = self.running[task] = self._idle.pop()
            worker.begin(replace(job, slice_seconds=0.0))  # an epoch: no clock decides whose turn it is
            for callback in self._callbacks:
                callback.on_start(task, worker.job)
        return bool(self.running) and not self._queue.failure
