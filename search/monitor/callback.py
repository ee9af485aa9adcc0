"""The interface of what watches a sweep's tasks: views, trackers, benchmarks."""

from __future__ import annotations

from search.planning.jobs import Job


class Callback:
    """An observer that a backend calls in the driver's process and thread; a subclass overrides what it needs.

    A task is one job on one worker, under a name that no other task of the run has.
    """

    def on_start(self, task: str, job: Job) -> None:
        """Handle that a worker has the task; its first epoch is not trained yet."""

    def on_report(self, task: str, job: Job) -> None:
        """Handle a report of the task; the queue knows what it says."""

    def on_end(self, task: str, job: Job) -> None:
        """Handle the end of the task: the job ended, is paused, or its worker was lost."""

    def on_step(self) -> None:
        """Do what is due; the backend calls this again and again while it runs, so it should be short."""
