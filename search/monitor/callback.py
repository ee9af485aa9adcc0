"""The interface of what watches a sweep's tasks: views, trackers, benchmarks."""

from __future__ import annotations

from search.planning.jobs import Job


class Callback:
    """Called by a backend in the driver's process and thread; a subclass overrides what it needs.

    A task is one job on one worker, under a name that no other task of the run has.
    """

    def on_start(self, task: str, job: Job) -> None:
        """A worker has the task; its first epoch is not trained yet."""

    def on_report(self, task: str, job: Job) -> None:
        """The task has reported; the queue knows what."""

    def on_end(self, task: str, job: Job) -> None:
        """The task is over: the job ended, is paused, or its worker was lost."""

    def on_step(self) -> None:
        """Called again and again while the backend runs; what it does should be short."""
