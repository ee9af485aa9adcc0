"""Workers that die, hang or have not enough memory: what is made of it, and how it reads."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from search.execution import ray_backend, watchdog
from search.execution.backend import Capacity
from search.execution.failures import describe_memory_shortage, read_last_error_line, record_failure, write_error
from search.execution.gpu_faults import GpuFaults
from search.execution.job_queue import Retries
from search.execution.lost_workers import LostWorkerCallback, classify_loss
from search.execution.watchdog import EXIT_CODE, Watchdog
from search.ray_env import ray
from search.schema.resources import Resources
from search.store.segments import Segment, join_instances
from trainers.attacks import PGD

from ..helpers import ROOT, SweepProcess, Tiny, hash_records, local, smoke
from ..injected import inject

DIED = """The actor died unexpectedly before finishing this task.
\tclass_name: Trial
\tpid: 25313
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker \
unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was \
killed by the OOM killer due to high memory usage, (2) ray stop --force was called."""
KILLED = """1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 192.0.2.2, \
ID: b49904) was 5.33GB used / 23.54GB limit (0.226579)
Ray killed 1 worker(s) based on the killing policy
Selected to kill: (Actor(5ca8d6): job ID=01000000, task name=Trial.train, pid=26783, actual memory used=1.30GB, worker)
"""


@pytest.mark.parametrize(
    ("text", "outcome", "why"),
    [
        (DIED, "lost", "its worker died"),
        ("The actor died because its node has died. Node Id: 5ca8", "lost", "its node died"),
        (
            KILLED, "out of memory",
            "out of memory: Ray ended its worker, which held 1.30 GB, when 5.33 of 23.54 GB were in use",
        ),
        ("Traceback\nModuleNotFoundError: no torch\n", "lost", "its worker was lost: ModuleNotFoundError: no torch"),
        ("", "lost", "its worker was lost"),
    ],
)  # fmt: skip
def test_the_loss_of_a_worker_is_classified_by_rays_message(text: str, outcome: str, why: str) -> None:
    assert classify_loss(text) == (outcome, why, "")


class Queued:
    """A queue of which only what is running and what was lost matters."""

    def __init__(self, *running: str) -> None:
        self.running, self.lost_ones = running, dict[str, str]()
        self.failure: str | None = None

    def lose(self, task: str, outcome: str, why: str) -> None:
        self.lost_ones[task] = outcome

    def release_all(self) -> None:
        self.running = ()


def watch(queue: Queued) -> LostWorkerCallback:
    return LostWorkerCallback(queue, {}, GpuFaults(), lambda note: None)  # type: ignore[arg-type]


def after(actors: dict[str, str], text: str) -> tuple[bool, dict[str, str]]:
    """Return whether a sweep of so named workers goes on after an error, and what became of their tasks."""
    queue = Queued(*actors)
    losses = watch(queue)
    for task, actor in actors.items():
        handle = SimpleNamespace(_actor_id=SimpleNamespace(hex=lambda actor=actor: actor))
        state = SimpleNamespace(ray_actor=handle)
        losses.on_trial_start(0, [], SimpleNamespace(trial_id=task, temporary_state=state))
    try:
        try:
            raise ray.exceptions.OutOfMemoryError(text)
        except ray.exceptions.OutOfMemoryError as error:
            raise RuntimeError("Tune failed") from error
    except RuntimeError as error:
        goes_on = losses.recover(error)
    assert not queue.running
    return goes_on, queue.lost_ones


def test_a_worker_killed_for_memory_ends_tune_and_not_the_sweep() -> None:
    assert after({"a": "5ca8d6", "b": "777777"}, KILLED) == (True, {"a": "out of memory"})


def test_all_running_tasks_are_retried_alone_if_the_killed_worker_is_unknown() -> None:
    assert after({"a": "111111", "b": "777777"}, KILLED) == (True, {"a": "out of memory", "b": "out of memory"})


@pytest.mark.parametrize(
    ("error", "trouble", "runs"),
    [(ray.exceptions.OutOfMemoryError(KILLED), None, 2), (ValueError("no"), "ValueError: no", 1)],
)
def test_ray_backend_runs_tune_again_only_after_a_worker_was_killed_for_memory(
    error: Exception, trouble: str | None, runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[Exception | None] = [error, None]

    def tuner(searcher: ray_backend.TuneSearcher, *others: Any) -> SimpleNamespace:
        def fit() -> None:
            assert not searcher.parked, "the workers of the run before are gone"
            searcher.parked.add("x")
            if (raised := fits.pop(0)) is not None:
                raise raised

        return SimpleNamespace(fit=fit)

    monkeypatch.setattr(ray_backend, "_tuner", tuner)
    monkeypatch.setattr(ray_backend, "RayLivenessMonitor", lambda *arguments: nullcontext())
    for name in ("with_parameters", "with_resources"):
        monkeypatch.setattr(ray_backend.tune, name, lambda trainable, *more, **others: trainable)
    queue = Queued("a")
    workload = SimpleNamespace(
        sources={}, interrupt=SimpleNamespace(failure=None, listening=None), folder=tmp_path, console=None, tell=None
    )
    capacity = Capacity(1, Resources())
    assert ray_backend.RayBackend(None).run(workload, capacity, queue, []) == trouble  # type: ignore[arg-type]
    assert len(fits) == 2 - runs


def test_another_error_of_tune_ends_the_sweep() -> None:
    assert not watch(Queued("a")).recover(ValueError("no"))


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"), "2.00 GiB more"),
        (RuntimeError("can't allocate memory: you tried to allocate 4294967296 bytes. Error code 12"), "4.0 GiB more"),
        (RuntimeError("CUDA error: out of memory"), "more"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "more"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), "more"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), "more"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "more"),
        (RuntimeError("GET was unable to find an engine to execute this computation"), "more"),
        (MemoryError("Unable to allocate 7.11 PiB for an array with shape (1,)"), "7.11 PiB more"),
        (MemoryError(), "more"),
    ],
)  # fmt: skip
def test_memory_shortages_are_distinguished_from_other_errors(error: Exception, asked: str) -> None:
    message = describe_memory_shortage(error)
    assert message and f"memory: its process asked for {asked}, and had held " in message


def test_a_real_failed_allocation_is_a_memory_shortage() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert describe_memory_shortage(caught.value)
    assert describe_memory_shortage(RuntimeError("shapes do not match")) is None
    assert describe_memory_shortage(ValueError("out of memory")) is None


def test_losses_count_only_without_progress() -> None:
    retries = Retries(2)
    assert [retries.lost(0, at) for at in (0, 0, 1, 1, 1)] == [True, True, True, True, False]
    assert retries.lost(1, 1), "of each by itself"
    assert not Retries(0).lost(0, 5)
    assert [retries.out_of_memory(0), retries.out_of_memory(0), retries.out_of_memory(1)] == [True, False, True]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "sweep", search__timeout=0.05)


@pytest.mark.parametrize("named", ["start.pt", None])
def test_an_error_of_a_file_outside_the_folder_fails_the_trial_alone(
    tiny: Tiny, tmp_path: Path, named: str | None
) -> None:
    error = OSError(errno.EIO if named else errno.ECONNRESET, "no", *([str(tmp_path / named)] if named else []))
    assert record_failure(tiny.job(0), error).outcome == "failed"
    assert "Error: [Errno" in str(read_last_error_line(tiny.store, tiny.plan.trials[0].id))


def test_a_storage_problem_is_recognized_by_the_state_of_the_folder(tiny: Tiny) -> None:
    job = tiny.job(0)
    gone = FileNotFoundError(errno.ENOENT, "no", str(tiny.folder(0) / "epochs.jsonl"))
    assert record_failure(job, gone).outcome == "failed", "a single file"
    folder = local(tiny.store.folder)
    folder.rename(folder.with_name("away"))
    assert record_failure(job, gone).outcome == "storage"
    assert record_failure(job, ValueError("whatever, and it cannot be written down")).outcome == "storage"
    assert not tiny.store.folder.exists()


def test_a_hanging_step_ends_its_process_and_writes_its_stack(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, codes = threading.Event(), []
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))

    class Hanging(list[Segment]):
        def __iter__(self) -> Iterator[Segment]:
            assert ended.wait(10)
            return iter(())

    with Watchdog(tiny.job(0)):
        join_instances(Hanging())
    assert codes == [EXIT_CODE]
    assert str(read_last_error_line(tiny.store, tiny.plan.trials[0].id)).startswith(
        "it hung: no report for 0.05 s, the search.timeout (segments.py:"
    )
    text = (tiny.folder(0) / "error.txt").read_text()
    assert "assert ended.wait(10)" in text


def test_a_step_that_may_compile_has_more_time(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold compilation takes minutes, and with many workers that start at once longer than an epoch."""
    ended, codes = threading.Event(), []
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    monkeypatch.setattr(watchdog, "COMPILE_SECONDS", 0.3)
    job = tiny.job(0)
    compiled = replace(job, config=job.config | {"compute": job.config["compute"] | {"compile": True}})
    with Watchdog(compiled):
        assert not ended.wait(0.15) and codes == []
        assert ended.wait(10)
    why = str(read_last_error_line(tiny.store, tiny.plan.trials[0].id))
    assert why.startswith("it hung: no report for 0.35 s, the search.timeout and 0.3 s to compile (")


def test_a_step_that_ends_in_time_is_left_alone(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("it was ended"))
    for job in (tiny.job(0), replace(tiny.job(0), timeout=None)):
        with Watchdog(job):
            pass
        time.sleep(0.1)
    assert read_last_error_line(tiny.store, tiny.plan.trials[0].id) is None


@pytest.mark.slow
def test_a_step_that_blocks_all_python_threads_is_ended(tiny: Tiny) -> None:
    program = """
import ctypes, sys
from types import SimpleNamespace
from typing import Any
import search.execution.watchdog
search.execution.watchdog.REPORT_SECONDS = 0.5
job = SimpleNamespace(timeout=0.2, folder=sys.argv[1], trial="a", config={"compute": {"compile": False}})
with search.execution.watchdog.Watchdog(job):
    ctypes.PyDLL(None).sleep(100)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny.store.folder)], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"Timeout" in done.stderr


def test_the_last_line_of_a_written_error_is_read_back(tiny: Tiny) -> None:
    assert read_last_error_line(tiny.store, "a") is None
    write_error(tiny.store, "a", "Traceback\nValueError: no\n\n")
    assert read_last_error_line(tiny.store, "a") == "ValueError: no"


def fail(message: str) -> None:
    raise RuntimeError(message)


WRONG = {"steps": -1, "nrom": "l2"}


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (lambda: PGD(epsilon=8), "ValidationError: Value error, epsilon: is in pixels of [0, 1]; got 8: write 8/255"),
        (partial(PGD.model_validate, WRONG), "ValidationError: steps: Input should be greater than or equal to 0; n"),
        (partial(fail, "no luck\nCompile with TORCH_USE_CUDA_DSA."), "RuntimeError: no luck"),
        (partial(fail, "backend raised:\n  no compiler\nSet VERBOSE=1"), "RuntimeError: backend raised: no compiler"),
        (partial(fail, "no"), "RuntimeError: no"),
        (partial(fail, ""), "RuntimeError"),
    ],
)  # fmt: skip
def test_the_informative_line_of_an_error_is_shown(tiny: Tiny, raised: Callable[[], object], told: str) -> None:
    with pytest.raises((ValidationError, RuntimeError)) as caught:
        raised()
    assert record_failure(tiny.job(0), caught.value).outcome == "failed"
    assert str(read_last_error_line(tiny.store, tiny.plan.trials[0].id)).startswith(told)
    assert (tiny.folder(0) / "error.txt").read_text().startswith("Traceback")


# --- the same with Ray


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Tiny(tmp_path_factory.mktemp("undisturbed") / "smoke")
    for i, trial in enumerate(run.plan.trials):
        if trial.kind == "trial" and not run.store.ranking_path(str(run.plan.trials[0].ranks)).exists():
            assert run.rank() is None
        assert run.run(i) == "completed"
    return local(run.store.folder)


def run_with(
    tmp_path: Path, fault: str, changes: dict[str, Any] | None = None, **environ: str
) -> tuple[int, str, Path]:
    (tmp_path / "smoke.yaml").write_text(smoke(**changes or {}))
    driver = SweepProcess(tmp_path / "smoke.yaml", "--results", tmp_path, scratch=tmp_path / "tmp",
                    program=inject(tmp_path / "faults", fault), **environ)  # fmt: skip
    try:
        return driver.wait(), driver.output, tmp_path / "smoke"
    finally:
        driver.close()


@pytest.mark.slow
def test_a_trial_that_hangs_once_is_tried_again(tmp_path: Path, undisturbed: Path) -> None:
    fault = 'def fault():\n    if first("hung"): time.sleep(3600)'
    code, printed, folder = run_with(tmp_path, fault, {"search__timeout": 15})
    assert code == 0, printed
    assert "it hung: no report for 15 s, the search.timeout (trainer.py:" in printed
    assert hash_records(folder) == hash_records(undisturbed)


@pytest.mark.slow
def test_trials_that_always_hang_fail_and_are_named(tmp_path: Path) -> None:
    fault = "def fault():\n    time.sleep(3600)"
    one = {"profile": None, "search__axes": {"batch_size": {"grid": [32]}}}
    code, printed, folder = run_with(tmp_path, fault, {"search__timeout": 10, "search__retries": 1} | one)
    assert code == 1
    (path,) = folder.rglob("error.txt")
    assert printed.count("retry: ") == 1
    assert f"failed: {path.parent.name}: it hung: no report for 10 s" in printed
    assert "time.sleep(3600)" in path.read_text()


@pytest.mark.slow
def test_a_trial_whose_worker_ray_kills_for_memory_is_retried_alone(tmp_path: Path, undisturbed: Path) -> None:
    """Which ends Tune, and not the sweep."""
    known = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    if known["MemAvailable"] < 10 << 20:
        pytest.skip("NOT TESTED: it takes 6 GB of memory, and 4 to spare")
    share = (known["MemTotal"] - known["MemAvailable"] + (4 << 20)) / known["MemTotal"]
    fault = """
def fault():
    if first("greedy"):
        x = bytearray(6 << 30)
        for i in range(0, len(x), 4096):
            x[i] = 1
        time.sleep(60)
"""
    code, printed, folder = run_with(
        tmp_path, fault, RAY_memory_usage_threshold=str(share), RAY_memory_monitor_refresh_ms="100"
    )
    assert code == 0, printed
    assert printed.count("retry: ") == 1
    assert "out of memory: Ray ended its worker, which held " in printed
    assert hash_records(folder) == hash_records(undisturbed)
