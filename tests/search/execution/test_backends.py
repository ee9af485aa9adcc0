"""Backends keep the contract of search.execution.backend: the same sweep has the same records on each."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.execution.backend import Backend
from search.execution.in_process_backend import InProcessBackend
from search.execution.ray_backend import RayBackend
from search.execution.simulated_backend import SimulatedBackend
from search.monitor.callback import Callback
from search.planning.jobs import Job
from trainers.record_io import Row, append_rows, write_json

from ..backends import DisturbedBackend
from ..helpers import ROOT, Tiny, count_epochs, hash_records

pytestmark = pytest.mark.long

# a ranking that others wait for, and two trainings that share their first two epochs
SHARED: dict[str, Any] = {
    "trial__method": {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}},
    "search__axes": {
        "method.weight.burn_in": {"grid": [2, 4]},
        "subset": {"grid": ["all", {"name": "ranked", "side": "friendly", "size": 40}]},
    },
}


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    run = Tiny(tmp_path_factory.mktemp("in_process") / "sweep", **SHARED)
    assert run.serve(InProcessBackend(2)) == 0, run.said()
    return run


class Heard(Callback):
    """Keeps what a backend calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.steps = 0

    def on_start(self, task: str, job: Job) -> None:
        self.calls.append((task, "start"))

    def on_report(self, task: str, job: Job) -> None:
        self.calls.append((task, "report"))

    def on_end(self, task: str, job: Job) -> None:
        self.calls.append((task, "end"))

    def on_step(self) -> None:
        self.steps += 1


class Watched:
    """A backend with one callback more."""

    def __init__(self, backend: Backend, heard: Heard) -> None:
        self._backend, self._heard = backend, heard
        self.prepare = backend.prepare

    def run(self, workload: Any, capacity: Any, queue: Any, callbacks: Any) -> str | None:
        return self._backend.run(workload, capacity, queue, [*callbacks, self._heard])


def recorded(run: Tiny) -> SimulatedBackend:
    """Return a simulated backend that writes rows and results, as a worker would."""

    def record(job: Job, epoch: int) -> Row:
        row = {"epoch": epoch, "val_clean_acc": 0.5, "val_pgd_acc": 0.25, "train_loss": 1.0}
        append_rows(Path(str(run.store.trial_folder(job.trial))) / "epochs.jsonl", [row])
        if epoch + 1 == job.config["epochs"]:
            result = {"status": "completed", "epochs": epoch + 1, "chain": job.final, "best": row, "last": row}
            write_json(run.store.trial_folder(job.trial) / "result.json", result)
        return row

    for trial in run.plan.trials:
        Path(str(run.store.trial_folder(trial.id))).mkdir(parents=True)
    return SimulatedBackend(2, record)


def check_calls(heard: Heard, trainings: int) -> None:
    """Check that each task is started, reports and ends, in this order, and that steps come in between."""
    tasks = {task for task, _ in heard.calls}
    assert len(tasks) >= trainings
    for task in tasks:
        calls = [what for name, what in heard.calls if name == task]
        assert calls[0] == "start" and calls[-1] == "end"
        assert calls.count("start") == calls.count("end") == 1
    assert heard.steps > trainings


def test_in_this_process_ray_is_not_even_imported() -> None:
    code = (
        "import sys, search.execution.sweep, search.execution.in_process_backend, search.execution.simulated_backend; "
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_callbacks_hear_of_each_task_in_this_process(tmp_path: Path) -> None:
    run, heard = Tiny(tmp_path / "sweep", **SHARED), Heard()
    assert run.serve(Watched(InProcessBackend(2), heard)) == 0, run.said()
    check_calls(heard, len(run.plan.trials))


def test_callbacks_hear_of_each_task_on_a_simulated_clock(tmp_path: Path) -> None:
    run, heard = Tiny(tmp_path / "sweep", profile=None, search__axes={"batch_size": {"grid": [16, 32, 48]}}), Heard()
    backend = recorded(run)
    assert run.serve(Watched(backend, heard)) == 0, run.said()
    check_calls(heard, 3)
    assert backend.now == 2 * run.plan.trials[0].config.epochs, "three trainings on two workers"


@pytest.mark.parametrize("slots", [1, 3])
def test_the_number_of_slots_changes_no_record(in_process: Tiny, tmp_path: Path, slots: int) -> None:
    run = Tiny(tmp_path / "sweep", **SHARED)
    backend = DisturbedBackend(slots)
    assert run.serve(backend) == 0, run.said()
    assert hash_records(run.store.folder) == hash_records(in_process.store.folder)
    assert backend.epochs == run.plan.tree.distinct < run.plan.tree.asked


@pytest.fixture
def handlers() -> Iterator[dict[int, Any]]:
    """The handlers of signals, which are the same afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield before
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_each_task_ends_its_epoch_and_nothing_is_trained_twice(
    in_process: Tiny, tmp_path: Path, handlers: dict[int, Any], number: int, code: int
) -> None:
    def ask(backend: DisturbedBackend, turn: int) -> None:
        if turn == 3:
            signal.raise_signal(number)

    changes = SHARED | {"search__checkpoint_seconds": 1000.0}  # what is stored is stored as it is asked to stop
    stopped = Tiny(tmp_path / "sweep", **changes)
    assert stopped.serve(DisturbedBackend(2, ask)) == code
    assert "Stopped, as asked." in stopped.said()
    assert count_epochs(Path(str(stopped.store.folder))) == 6, "three turns of two tasks"
    again, backend = Tiny(tmp_path / "sweep", **changes), DisturbedBackend(2)
    assert again.serve(backend) == 0
    assert backend.epochs + 6 == again.plan.tree.distinct
    assert hash_records(again.store.folder) == hash_records(in_process.store.folder)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_on_ray_the_records_are_those_of_one_process_and_callbacks_hear_the_same(
    in_process: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run, heard = Tiny(tmp_path / "sweep", **SHARED), Heard()
    assert run.serve(Watched(RayBackend(None), heard)) == 0, run.said()
    assert hash_records(run.store.folder) == hash_records(in_process.store.folder)
    for i, trial in enumerate(run.plan.trials):
        for name in ("config.yaml", "epochs.jsonl", "instances.npz", "result.json"):
            assert (run.folder(i) / name).read_bytes() == (in_process.folder(i) / name).read_bytes(), (trial.id, name)
    assert run.trained() == run.plan.tree.distinct
    check_calls(heard, len(run.plan.trials))
