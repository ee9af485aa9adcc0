"""The interface of what runs a sweep's trainings: Ray, this process alone, or a simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from search.cluster.node_report import NodeReport
from search.execution.job_queue import JobQueue
from search.monitor.callback import Callback
from search.planning.plan import Plan
from search.schema.resources import Resources
from search.signals import Interrupt
from trainers.arrays import Source
from trainers.record_io import Place
from trainers.terminal.console import Console


@dataclass(frozen=True)
class Workload:
    """The parts of a sweep that a backend needs."""

    folder: Place
    plan: Plan
    sources: Mapping[str, Source]  # the data, by search.planning.datasets.identify_source
    resources: Resources  # of each training, as the space asks for them
    interrupt: Interrupt
    console: Console
    tell: Callable[[str], None]  # prints a note


@dataclass(frozen=True)
class Capacity:
    """The room of a prepared backend."""

    slots: int  # trainings at once, at least 1
    resources: Resources  # of each training; `gpus` is a number where it was "auto"
    nodes: Sequence[NodeReport] = ()  # the machines, where they were asked


class Backend(Protocol):
    """Runs the jobs that a queue hands out. A backend serves one sweep at a time."""

    def prepare(self, workload: Workload) -> AbstractContextManager[Capacity]:
        """Start the workers' machinery, check that it can train the plan, and give it back at the context's end.

        Entering raises search.exceptions.Infeasible, before anything is trained, where no training would fit.
        It installs workload.interrupt where a signal may stop the sweep cleanly.
        """

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        """Run jobs until the queue has none left, has trouble, or the sweep is asked to stop.

        Tasks    A worker that is free takes what `queue.begin` returns, under a new name. At most capacity.slots tasks
                 run at once. While any runs, `begin` may return None and is asked again after the next report; once
                 none runs and it returns None, the run is over.
        Reports  Each report of a task reaches `queue.report`, in the order in which its worker made them; reports of
                 different tasks come in any order, which no record depends on. One that is not "running" is the
                 task's last and reaches `queue.end` instead. A worker that is lost reaches `queue.lose`.
        Threads  The queue and the callbacks are only called from the thread that called `run`.
        Callbacks  `on_start` comes before a task's first report, `on_report` and `on_end` after the queue heard of it,
                 `on_step` at least once after each report.
        Ends     Once workload.interrupt.exit_code or queue.failure is set, no further task begins, and each running one
                 ends its epoch and stores it if it can. Their trainings stay open: the next run goes on.
                 A KeyboardInterrupt goes through and stores nothing; every stored state is whole at any instant.

        Returns why it ended early: queue.failure, or an error of the backend itself. None says neither that all
        trainings have results, which the store knows, nor that nobody asked to stop, which the interrupt knows.
        """
