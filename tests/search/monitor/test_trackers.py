"""Trackers receive each epoch once with its step, whatever the tasks, kills and failing trackers."""

from __future__ import annotations

import os
import struct
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import search.monitor.trackers
import search.schema.loggers
from search.exceptions import SpaceError
from search.monitor.trackers import TrackedRun, TrackerCallback, build_loggers
from search.schema.loggers import PACKAGES
from trainers.record_io import Row, write_atomic

from ..helpers import smoke
from ..made_up import MadeUp


class Stub:
    """A logger that keeps what it receives."""

    def __init__(self, fails: bool = False, slow: float = 0.0) -> None:
        self.steps: dict[str, list[int]] = defaultdict(list)
        self.results: dict[str, list[Row]] = defaultdict(list)
        self.calls: list[tuple[str, str]] = []
        self.finished = False
        self._fails, self._slow = fails, slow

    def log_trial_start(self, trial: TrackedRun) -> None:
        self.calls.append(("start", str(trial)))

    def log_trial_result(self, iteration: int, trial: TrackedRun, result: Row) -> None:
        if self._fails:
            raise ConnectionError("no server")
        time.sleep(self._slow)
        self.steps[str(trial)].append(result["training_iteration"])
        self.results[str(trial)].append(result)

    def log_trial_end(self, trial: TrackedRun, failed: bool = False) -> None:
        self.calls.append(("failed" if failed else "end", str(trial)))

    def on_experiment_end(self, trials: list) -> None:
        self.finished = True


@pytest.fixture
def sweep(tmp_path: Path) -> MadeUp:
    return MadeUp(tmp_path / "study", ["aaaa", "aabb"])


def feed(made: MadeUp, *stubs: Stub, hurried: bool = False) -> TrackerCallback:
    notes: list[str] = []
    fed = TrackerCallback(
        made.folder, {f"stub{i}": stub for i, stub in enumerate(stubs)}, notes.append, lambda: hurried
    )
    fed.said = notes  # type: ignore[attr-defined]
    return fed


def test_every_epoch_is_logged_with_its_cost_and_then_the_result(sweep: MadeUp) -> None:
    stub, job = Stub(), sweep.job(0)
    with feed(sweep, stub) as fed:
        for epoch in range(4):
            sweep.train(0, epoch + 1, since=epoch)
            fed.on_report("a task", job)
        sweep.end(0, clean=0.75, robust=0.5)
        fed.on_end("a task", job)
    *epochs, last = stub.results[sweep.ids[0]]
    assert [row["training_iteration"] for row in epochs] == [row["epoch"] for row in epochs] == [0, 1, 2, 3]
    assert {"train_loss", "val_pgd_acc", "seconds", "images_per_s"} <= epochs[2].keys()
    assert last == {"best": {"epoch": 3, "val_clean_acc": 0.75, "val_pgd_acc": 0.5}, "training_iteration": 3}
    assert stub.calls == [("start", sweep.ids[0]), ("end", sweep.ids[0])]
    assert stub.finished


def test_copied_epochs_are_logged_too(sweep: MadeUp) -> None:
    stub = Stub()
    sweep.train(1, 3, taken=2)
    with feed(sweep, stub) as fed:
        fed.on_report("a task", sweep.job(1))
    assert stub.steps == {sweep.ids[1]: [0, 1, 2]}


def test_tasks_and_runs_of_a_sweep_are_one_tracker_run_without_gaps_or_repeats(sweep: MadeUp) -> None:
    stub, job = Stub(), sweep.job(0)
    with feed(sweep, stub) as fed:
        sweep.train(0, 2)
        fed.on_end("a task", job)  # paused at a limit
        sweep.train(0, 3, since=2)
        fed.on_report("a task", job)
    lines = (sweep.place(0) / "epochs.jsonl").read_text().splitlines(keepends=True)
    write_atomic(sweep.place(0) / "epochs.jsonl", "".join(lines[:1]))  # a kill: it goes on from a checkpoint
    costs = (sweep.place(0) / "cost.jsonl").read_text().splitlines(keepends=True)
    write_atomic(sweep.place(0) / "cost.jsonl", "".join(costs[:1]))
    again = Stub()
    with feed(sweep, again) as fed:
        sweep.train(0, 4, since=1)
        fed.on_report("a task", job)
        fed.on_end("a task", job)
    assert stub.steps[sweep.ids[0]] + again.steps[sweep.ids[0]] == [0, 1, 2, 3]
    assert stub.calls == [("start", sweep.ids[0]), ("end", sweep.ids[0])] * 2


def test_an_interrupted_sweep_logs_all_trained_epochs(sweep: MadeUp) -> None:
    stub = Stub()
    sweep.train(0, 1)
    with feed(sweep, stub, hurried=True) as fed:
        fed.on_report("a task", sweep.job(0))
        sweep.train(0, 2, since=1)  # and Tune tells no more of it
    assert stub.steps == {sweep.ids[0]: [0, 1]}
    assert stub.calls[-1] == ("end", sweep.ids[0])


def test_a_failing_tracker_is_left_out_and_the_others_go_on(sweep: MadeUp) -> None:
    broken, sound = Stub(fails=True), Stub()
    with feed(sweep, broken, sound) as fed:
        for epoch in range(3):
            sweep.train(0, epoch + 1, since=epoch)
            fed.on_report("a task", sweep.job(0))
    assert fed.said == ["logger stub0 failed and is left out from here on: ConnectionError: no server"]  # type: ignore[attr-defined]
    assert sound.steps == {sweep.ids[0]: [0, 1, 2]}


def test_a_slow_tracker_does_not_slow_the_sweep(sweep: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.monitor.trackers, "FLUSH_SECONDS", 0.05)
    sweep.train(0, 4)
    began = time.monotonic()
    with feed(sweep, Stub(slow=1.0), hurried=True) as fed:
        for _ in range(100):
            fed.on_report("a task", sweep.job(0))
    assert time.monotonic() - began < 0.9


def test_a_failed_training_is_a_failed_run_and_has_none_without_epochs(sweep: MadeUp) -> None:
    stub = Stub()
    sweep.train(0, 1)
    sweep.fail(0, time.time())
    sweep.fail(1, time.time())
    with feed(sweep, stub) as fed:
        for i in (0, 1):
            fed.on_end("a task", sweep.job(i))
    assert stub.calls == [("start", sweep.ids[0]), ("failed", sweep.ids[0])]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read what TensorBoard would show of a run; a record is a length, its checksum, an event and its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + length])
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag].append((event.step, round(value.simple_value, 4)))
            at += 12 + length + 4
    return found


@pytest.mark.long
def test_tensorboard_has_one_curve_for_a_training_in_two_tasks(sweep: MadeUp) -> None:
    job = sweep.job(0)
    with TrackerCallback(sweep.folder, build_loggers(["tensorboard"], sweep.folder), pytest.fail, lambda: False) as fed:
        sweep.train(0, 2)
        fed.on_end("a task", job)
        sweep.train(0, 4, since=2)
        sweep.end(0, clean=0.75, robust=0.5)
        fed.on_end("a task", job)
    found = scalars(sweep.folder / "loggers" / "tensorboard" / sweep.ids[0])
    assert found["ray/tune/val_pgd_acc"] == [(0, 0.3), (1, 0.31), (2, 0.32), (3, 0.33)]
    assert found["ray/tune/best/val_pgd_acc"] == [(3, 0.5)]


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_missing_package_is_named_before_the_start(
    refused: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, name: Any
) -> None:
    here = search.schema.loggers.find_spec
    monkeypatch.setattr(
        search.schema.loggers, "find_spec", lambda package: None if package == PACKAGES[name] else here(package)
    )
    (problem,) = refused(smoke(search__loggers=[name]))
    assert problem == (
        f"space.yaml:{problem.split(':')[1]}: search.loggers: {name} needs the package {PACKAGES[name]}, which is not "
        f"installed; add it: python -m pip install -e '.[{name}]'"
    )


def test_an_unknown_logger_is_refused(refused: Callable[..., list[str]]) -> None:
    (problem,) = refused(smoke(search__loggers=["tensorbord"]))
    assert "search.loggers" in problem
    assert "tensorboard" in problem


def test_a_tracker_that_cannot_be_set_up_is_reported(sweep: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    def keyless(folder: Path) -> Any:
        raise ValueError("No API key found.\nRun login.")

    monkeypatch.setitem(search.monitor.trackers.BUILDERS, "wandb", keyless)
    with pytest.raises(SpaceError, match=r"search.loggers: wandb: No API key found\.$"):
        build_loggers(["wandb"], sweep.folder)


@pytest.mark.slow
def test_mlflow_has_one_run_for_a_training_in_two_runs_of_the_sweep(
    sweep: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for until in (2, 4):
        with TrackerCallback(sweep.folder, build_loggers(["mlflow"], sweep.folder), pytest.fail, lambda: False) as fed:
            sweep.train(0, until, since=until - 2)
            fed.on_report("a task", sweep.job(0))
    client = mlflow.MlflowClient(f"sqlite:///{sweep.folder}/loggers/mlflow/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("study").experiment_id])
    assert (run.info.run_name, run.info.status) == (sweep.ids[0], "FINISHED")
    history = client.get_metric_history(run.info.run_id, "val_pgd_acc")
    assert [(point.step, round(point.value, 4)) for point in history] == [(0, 0.3), (1, 0.31), (2, 0.32), (3, 0.33)]


@pytest.mark.slow
def test_wandb_has_one_run_for_a_training_and_the_key_is_in_no_log(
    sweep: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    from search.cluster.ray_cluster import open_cluster
    from search.signals import Interrupt

    monkeypatch.setitem(os.environ, "WANDB_MODE", "offline")
    monkeypatch.setitem(os.environ, "WANDB_API_KEY", "a-key-of-40-letters-that-is-not-to-be-told")
    with open_cluster(None, Interrupt()):
        with TrackerCallback(sweep.folder, build_loggers(["wandb"], sweep.folder), pytest.fail, lambda: False) as fed:
            sweep.train(0, 4)
            fed.on_report("a task", sweep.job(0))
        (ray,) = Path("/tmp").glob(f"rs-{os.getpid()}-*/ray/session_2*/logs")
        told = [path.name for path in ray.iterdir() if path.is_file() and b"a-key-of-40-letters" in path.read_bytes()]
        assert told == [], "it goes by no runtime environment, which Ray writes down"
    (log,) = (sweep.folder / "loggers" / "wandb" / sweep.ids[0]).glob("wandb/offline-run-*/run-*.wandb")
    assert log.read_bytes().count(b"val_pgd_acc") >= 4
