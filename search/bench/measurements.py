"""Measurements of the search itself: planning, the driver, Ray's share, and idle processes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from search.bench.parts import PARTS, Measurement
from search.execution.backend import Backend, Capacity, Workload
from search.execution.job_queue import JobQueue
from search.execution.simulated_backend import SimulatedBackend
from search.execution.sweep import Sweep
from search.monitor.callback import Callback
from search.monitor.cost_model import Costs
from search.monitor.live import LIVE_SECONDS, LiveView
from search.planning.datasets import DatasetCache
from search.planning.jobs import Job
from search.planning.planner import Planner
from search.schema.space import load_space
from search.signals import Interrupt
from search.store.plan_file import write_plan
from search.store.store import Store
from trainers.record_io import Row, append_rows, write_json
from trainers.record_reader import read_rows
from trainers.terminal.console import Console

WORKERS = 16
TRIAL_EPOCHS = 100  # epochs of a first run, from which the number of epochs in five seconds follows
OTHER_COLUMNS = ("train_loss", "lr", "updates", "examples", "forwards", "backwards", "train_robust_acc", "kappa_mean")
SPACE = """
trial:
  data: {name: digits, train: 96, val: 60, test: 60}
  model: {name: mlp, hidden: [16]}
  method: {base: gairat, attack: {epsilon: 0.1, steps: 2}}
  optimizer: {lr: 0.1}
  epochs: EPOCHS
search:
  replicates: 10
  axes:
    method.weight.lam: {grid: LAMBDAS}
    method.weight.burn_in: {grid: BURN_INS}
evaluate: {epsilon: 0.1, steps: 2, every: EVERY, final: {pgd20: {name: pgd, steps: 2}}}
"""


def write_space(folder: Path, trials: int, epochs: int, every: int = 1) -> Path:
    """Write a space of that many trials, in ten seeds, that share half of their epochs. Return its path."""
    burn_ins = [round(epochs * share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]  # of ten epochs or more: all different
    lambdas = [round(-2 + i * 0.01, 2) for i in range(trials // 50)]
    values = {"EPOCHS": epochs, "LAMBDAS": lambdas, "BURN_INS": burn_ins, "EVERY": every}
    text = SPACE
    for name, value in values.items():
        text = text.replace(name, str(value))
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def _trials(most: int, share: float) -> int:
    """Return a fraction of that many trials, rounded to the fifty trials that a space has for each λ."""
    return max(50, round(most * share / 50) * 50)


def measure_planning(folder: Path, share: float) -> Iterator[Measurement]:
    """Measure planning of 10,000 trials of 200 epochs, or a fraction of them: chains, stage tree and plan.json."""
    trials = _trials(10_000, share)
    path = write_space(folder, trials, 200)
    began = time.perf_counter()
    plan = Planner(load_space(path, []), DatasetCache().fingerprint).plan()
    distinct = plan.tree.distinct / plan.tree.asked
    planned = time.perf_counter()
    write_plan(folder, plan.to_json("bench"))
    yield Measurement(f"planning {trials:,} trials of 200 epochs ({distinct:.0%} distinct)", planned - began, "s", 10)
    yield Measurement("... writing them to plan.json", time.perf_counter() - planned, "s")
    yield Measurement("... peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "GB", 1)


def measure_driver(folder: Path, share: float) -> Iterator[Measurement]:
    """Measure the driver of 1,000 trials of 20 epochs, or a fraction, on a simulated clock with a report an epoch."""
    trials = _trials(1_000, share)
    loaded, sources = load_space(write_space(folder, trials, 20), []), DatasetCache()
    plan = Planner(loaded, sources.fingerprint).plan()
    console = Console(file=StringIO(), force_terminal=True, width=140, height=50)
    worker = _Worker(folder)
    backend = SimulatedBackend(WORKERS, worker.record)
    sweep = Sweep(Store(folder), plan, loaded.space, sources, console, backend)
    write_plan(folder, plan.to_json("bench"))
    sweep.prepare()
    workload = Workload(folder, plan, sources.loaded, loaded.space.resources, Interrupt(), console, console.print)
    with (
        backend.prepare(workload) as capacity,
        LiveView(console, folder, sweep.schedule, sweep.retention, WORKERS) as view,
    ):
        watch = _Watch(view)
        began = time.perf_counter()
        trouble = backend.run(workload, capacity, sweep.queue, [watch])
        seconds = time.perf_counter() - began - worker.seconds - sum(watch.looks)
    assert trouble is None, trouble
    each, middle = 1e3 * seconds / worker.epochs, 1e3 * sorted(watch.looks)[len(watch.looks) // 2]
    yield Measurement(f"driver, each of {worker.epochs:,} epochs reported among {trials:,} trials", each, "ms", 5)
    yield Measurement(f"... a look at the records, every {LIVE_SECONDS:g} s", middle, "ms", 25)


class _Worker:
    """Writes the records that a worker would write of a job, and sums the time that this takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.epochs, self.seconds = 0, 0.0

    def record(self, job: Job, epoch: int) -> Row:
        began = time.perf_counter()
        place = self._folder / "trials" / job.trial
        place.mkdir(parents=True, exist_ok=True)
        row = {"epoch": epoch, "val_clean_acc": 0.5, "val_pgd_acc": 0.25} | dict.fromkeys(OTHER_COLUMNS, 0.5)
        cost = {"epoch": epoch, "seconds": 1.0, "evaluate_seconds": 0.5, "images_per_s": 96.0, "by": job.trial}
        append_rows(place / "epochs.jsonl", [row])
        append_rows(place / "cost.jsonl", [cost])
        if epoch + 1 == job.until:
            result = {"status": "completed", "epochs": job.until, "chain": job.final, "best": row}
            write_json(place / "result.json", result)
        self.epochs += 1
        self.seconds += time.perf_counter() - began
        return row


class _Watch(Callback):
    """The live view, updated only at the end of each task; measures the time of each update."""

    def __init__(self, view: LiveView) -> None:
        self._view = view
        self.looks: list[float] = []  # seconds

    def on_start(self, task: str, job: Job) -> None:
        self._view.on_start(task, job)

    def on_end(self, task: str, job: Job) -> None:
        self._view.on_end(task, job)
        began = time.perf_counter()
        self._view.look()
        self.looks.append(time.perf_counter() - began)


def measure_ray(folder: Path, share: float) -> Iterator[Measurement]:
    """Measure a sweep of 1,000 trials of 10 very short epochs, or a fraction: the cost of Ray and of the driver."""
    trials = _trials(1_000, share)
    done = _run(write_space(folder, trials, 10), folder, "search.checkpoint_seconds=1000", "search.keep=none")
    each = 1e3 * done.driver / done.epochs
    yield Measurement(
        f"Ray's and ours, each of {done.epochs:,} epochs of {trials:,} trials, processor time", each, "ms", 5
    )
    computing = f"{done.computing:.0f} s of it computing on {os.cpu_count()} processes"
    yield Measurement(f"... wall time of Tune, {computing}", done.tune, "s")


def measure_packing(folder: Path, share: float) -> Iterator[Measurement]:
    """Measure 16 trials of about five seconds, or a fraction: wall time of the command over computing time alone."""
    path, one = write_space(folder, 50, 10), ("search.axes.method.weight.burn_in.grid=[1]", *_sized(TRIAL_EPOCHS))
    tried = _run(path, folder, "search.replicates=2", *one)
    epochs = max(10, round(share * TRIAL_EPOCHS * 5 * 2 / tried.computing))
    more = ("search.axes.method.weight.burn_in.grid=[1]", *_sized(epochs))
    done = _run(path, folder, "search.replicates=16", *more, name="packing")
    processes = os.cpu_count() or 1
    what = f"16 trials of {done.computing / 16:.1f} s on {processes} processes: wall over computing"
    yield Measurement(what, done.command * processes / done.computing, "times", 1.2)
    yield Measurement("... Tune's part of it", done.tune * processes / done.computing, "times")


def _sized(epochs: int) -> tuple[str, ...]:
    return f"trial.epochs={epochs}", f"evaluate.every={epochs}", "trial.model.hidden=[256, 256]", "trial.data.train=359"


class _Run(NamedTuple):
    """The seconds of a sweep that was run as a command."""

    command: float
    tune: float
    driver: float  # processor time while Tune ran
    computing: float  # of the trials, summed
    epochs: int


CHILD = """
import os, sys
from search.bench.measurements import TimedBackend
from search.cli import exit_with
from search.execution.ray_backend import RayBackend
from search.run.__main__ import main
exit_with(lambda: main(sys.argv[1:], TimedBackend(RayBackend(os.environ.get("RAY_ADDRESS")))))
"""


class TimedBackend:
    """A backend that wraps another one and prints its wall time and this process's processor time, in seconds."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def prepare(self, workload: Workload) -> AbstractContextManager[Capacity]:
        return self._backend.prepare(workload)

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        began = time.perf_counter(), time.process_time()
        trouble = self._backend.run(workload, capacity, queue, callbacks)
        print(json.dumps([time.perf_counter() - began[0], time.process_time() - began[1]]), file=sys.stderr)
        return trouble


def _run(path: Path, folder: Path, *settings: str, name: str = "space") -> _Run:
    """Run a sweep as a command. Raises RuntimeError with its output if it fails."""
    more = [part for setting in settings for part in ("--set", setting)]
    results = folder / "results"
    command = [sys.executable, "-c", CHILD, str(path), "--results", str(results), "--name", name, *more]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    tune, driver = next(json.loads(line) for line in done.stderr.splitlines() if line.startswith("["))
    billed = Costs()
    for costs in results.glob(f"{name}/trials/*/cost.jsonl"):
        for row in read_rows(costs):
            if row["by"] == costs.parent.name:
                billed.add(row)
    return _Run(took, tune, driver, billed.seconds, billed.epochs)


MEASURES: dict[str, Callable[[Path, float], Iterator[Measurement]]] = dict(
    zip(PARTS, (measure_planning, measure_driver, measure_ray, measure_packing), strict=True)
)
