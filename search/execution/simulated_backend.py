"""Trainings on a simulated clock: nothing is trained, and each epoch takes the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush, heapreplace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from search.execution.backend import Capacity, Workload
from search.execution.job_queue import JobQueue, Retries
from search.monitor.callback import Callback
from search.planning.jobs import Job, JobStatus, Report
from search.planning.plan import Plan
from search.planning.schedule import Schedule, Task
from search.schema.resources import Resources
from search.signals import Interrupt
from trainers.record_io import Row
from trainers.terminal.console import Console

Record = Callable[[Job, int], Row]


class SimulatedBackend:
    """Ends each task after as many units of time as it has epochs; a worker that is free begins the next at once.

    A task reports where another training may go on from its state, and at its end.
    """

    def __init__(self, slots: int, record: Record | None = None) -> None:
        """Simulate `slots` workers.

        `record` is called with a job and each epoch that it would train now; it writes the records and returns the
        epoch's row. Every epoch is then reported.
        """
        self.slots, self._record = slots, record
        self.now = 0  # epochs since the start

    @contextmanager
    def prepare(self, workload: Workload) -> Iterator[Capacity]:
        """Start nothing: any number of slots fits."""
        yield Capacity(self.slots, workload.resources)

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        """Handle one report after another by its time, and reports of the same time by their places in the plan."""
        self.now, names = 0, map(str, count())
        places = {trial.id: i for i, trial in enumerate(workload.plan.trials)}
        events: list[tuple[int, int, int, str]] = []  # when, which training, after which epoch, as which task
        running: dict[str, Job] = {}
        while not queue.failure and not workload.interrupt.exit_code:
            while len(running) < capacity.slots and (job := queue.begin(task := next(names))):
                running[task] = job
                for epoch in self._reported(job):
                    heappush(events, (self.now + epoch - job.since, places[job.trial], epoch, task))
                for callback in callbacks:
                    callback.on_start(task, job)
            if not events:
                break
            self.now, _, epoch, task = heappop(events)
            job = running[task]
            report = Report(_outcome(job, epoch), epoch, [self._record(job, epoch - 1)] if self._record else [])
            if report.outcome == "running":
                queue.report(task, report)
            else:
                del running[task]
                queue.end(task, report)
            for callback in callbacks:
                callback.on_report(task, job)
                if report.outcome != "running":
                    callback.on_end(task, job)
                callback.on_step()
        queue.release_all()
        return queue.failure

    def _reported(self, job: Job) -> Sequence[int]:
        """Return the epochs after which a job reports."""
        until = _until(job)
        if self._record:
            return range(job.since + 1, until + 1)
        return sorted({*(epoch for epoch in job.forks if job.since < epoch < until), until})


def _until(job: Job) -> int:
    return job.config["epochs"] if job.until is None else job.until


def _outcome(job: Job, epoch: int) -> JobStatus:
    if epoch < _until(job):
        return "running"
    if job.stop:
        return "stopped"
    return "completed" if epoch == job.config["epochs"] else "paused"


class SimulationResult(NamedTuple):
    """The totals of a simulated run of a plan."""

    makespan: int  # in epochs
    trained: int  # epochs
    tasks: int
    states: int  # stored for others to go on from
    reads: int  # of states, by those that go on from them


def simulate_schedule(plan: Plan, workers: int) -> SimulationResult:
    """Run a plan on so many workers, from an empty folder and by the queue and the schedule that run sweeps."""
    backend, trainings = SimulatedBackend(workers), _Trainings(plan)
    workload = Workload(Path(), plan, {}, Resources(), Interrupt(), Console(), lambda note: None)
    with backend.prepare(workload) as capacity:
        trouble = backend.run(workload, capacity, trainings.queue, [])
    assert trouble is None, trouble  # nothing is stored, so nothing can fail
    jobs, tree = trainings.jobs, plan.tree
    return SimulationResult(
        makespan=backend.now,
        trained=sum(until - since for _, since, until, _ in jobs),
        tasks=len(jobs),
        states=sum(since < epoch <= until for i, since, until, _ in jobs for epoch in tree.forks(i)),
        reads=sum(since > 0 for _, since, _, _ in jobs),
    )


def compute_unshared_makespan(plan: Plan, workers: int) -> int:
    """Return the epochs from start to end if every training starts from scratch.

    Trainings that others need come first, and the longest of each kind.
    """
    free = [0] * workers
    for needs in (False, True):
        free = [max(free)] * workers
        for epochs in sorted((t.config.epochs for t in plan.trials if bool(t.requires) == needs), reverse=True):
            heapreplace(free, free[0] + epochs)
    return max(free)


class _Trainings:
    """The trainings of a plan, none of which is stored: the queue's listener, without a store."""

    def __init__(self, plan: Plan) -> None:
        self.jobs: list[Task] = []  # as they began
        self._plan = plan
        self._makers = {
            name: {i for i, trial in enumerate(plan.trials) if trial.produces == name}
            for name in set(plan.rankings).union(*(trial.requires for trial in plan.trials))
        }
        files = [name for name, makers in self._makers.items() if not makers]  # nothing trains what a file has
        self._schedule = Schedule(plan, range(len(plan.trials)), {}, files)
        self.queue = JobQueue(self._schedule, self._job, self, Retries(0))

    def _job(self, task: Task) -> Job:
        """Return a task as a job that holds no more than what its simulation reads: a whole one takes a millisecond."""
        self.jobs.append(task)
        trial = self._plan.trials[task.i]
        return Job(
            folder="", trial=trial.id, config={"epochs": trial.config.epochs}, evaluation={}, data="", source="",
            ranks=None, final="", threads=1, code="", training_code="", checkpoint_seconds=0.0,
            forks=self._plan.tree.forks(task.i), since=task.since, until=task.until, stop=task.stop,
        )  # fmt: skip

    def on_report(self, i: int, report: Report) -> None:
        """Keep nothing."""

    def find_stored_epochs(self, i: int) -> int:
        """Return 0: nothing is stored."""
        return 0

    def on_retry(self, i: int, why: str) -> None:
        """Do nothing: no worker is lost."""

    def on_end(self, i: int, outcome: str, why: str = "") -> None:
        """Free what waits for a ranking or weights, once all trainings have ended that make it."""
        made = self._plan.trials[i].produces
        if made and not self._makers[made] & self._schedule.unfinished:
            self._schedule.mark_ready(made)
