"""GPUs that fail: which errors are their fault, which GPU is no longer used, and that the sweep goes on without it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import search.execution.worker
from search.execution import trainable
from search.execution.failures import (
    GpuFault,
    describe_memory_shortage,
    failed_deterministically,
    is_gpu_fault,
    read_last_error_line,
    record_failure,
)
from search.execution.gpu_faults import MAX_STRIKES, GpuFaults
from search.execution.in_process_backend import InProcessBackend
from search.execution.lost_workers import classify_loss
from search.execution.ray_backend import TuneSearcher
from search.execution.worker import Worker

from ..helpers import SweepProcess, Tiny, hash_records, smoke
from ..simulated_gpus import simulate

AcceleratorError: Any = torch.AcceleratorError
ILLEGAL = "CUDA error: an illegal memory access was encountered"
LAUNCH = f"{ILLEGAL}\nCUDA kernel errors might be asynchronously reported at some other API call"


@pytest.mark.parametrize(
    "error",
    [
        AcceleratorError(LAUNCH),
        RuntimeError("CUDA error: unspecified launch failure"),
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("No CUDA GPUs are available"),
        RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment"),
    ],
)
def test_an_error_that_spoils_the_context_of_the_process_is_a_fault_of_its_gpu(error: Exception) -> None:
    assert is_gpu_fault(error)
    assert describe_memory_shortage(error) is None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: out of memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError(
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous"
        ),
        RuntimeError("shapes do not match"),
        ValueError("CUDA error: as a text of ours"),
    ],
)
def test_a_lack_of_memory_and_a_wrong_call_are_no_faults_of_a_gpu(error: Exception) -> None:
    assert not is_gpu_fault(error)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "sweep")


def test_a_trial_whose_gpu_failed_is_lost_and_not_failed_for_good(tiny: Tiny) -> None:
    name = tiny.plan.trials[0].id
    outcome = record_failure(tiny.job(0), AcceleratorError(LAUNCH))
    assert outcome == ("lost", ILLEGAL)
    assert read_last_error_line(tiny.store, name) == ILLEGAL
    assert not failed_deterministically(tiny.store, name)


class BrokenSession:
    """Trains a slice, and then meets the same error at every step."""

    def __init__(self, *arguments: Any) -> None:
        self.waited: list[bool] = []
        sessions.append(self)

    def advance(self, seconds: float) -> str:
        raise AcceleratorError(LAUNCH)

    def wait_for_writer(self) -> None:
        self.waited.append(True)


sessions: list[BrokenSession] = []


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterable[list[BrokenSession]]:
    monkeypatch.setattr(search.execution.worker, "Session", BrokenSession)
    yield sessions
    sessions.clear()


def test_a_worker_is_lost_with_its_context_once_what_it_writes_is_stored(
    tiny: Tiny, broken: list[BrokenSession]
) -> None:
    worker = Worker(tiny.sweep.sources.loaded)
    worker.begin(tiny.job(0))
    with pytest.raises(GpuFault, match=re.escape(ILLEGAL)):
        worker.step()
    assert broken[0].waited == [True]
    worker.pause()  # Ray asks for it, and the state is on a GPU that does not answer


@pytest.fixture
def lost_worker(tiny: Tiny, broken: list[BrokenSession], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker of Ray on a GPU that fails, and what would end its process."""
    monkeypatch.setattr(trainable, "find_gpu", lambda: "GPU 1 of node a (5ca8d6)")
    timers = []
    made = lambda seconds, call, arguments: timers.append((call, arguments)) or SimpleNamespace(start=lambda: None)  # noqa: E731
    monkeypatch.setattr(trainable.threading, "Timer", made)
    worker = object.__new__(trainable.TrialTrainable)
    worker.setup(trainable.config_of(tiny.job(0)), tiny.sweep.sources.loaded)
    return worker, timers


def test_the_process_of_a_lost_worker_ends_itself_and_ray_hears_which_gpu_it_was(lost_worker: Any) -> None:
    worker, timers = lost_worker
    with pytest.raises(GpuFault) as caught:
        worker.step()
    assert timers == [(os._exit, (trainable.EXIT_CODE,))]
    text = f"ray::TrialTrainable.train() (pid=1)\n{GpuFault.__module__}.GpuFault: {caught.value}\n"
    loss = classify_loss(text)
    assert (loss.outcome, loss.gpu) == ("lost", "GPU 1 of node a (5ca8d6)")
    assert re.fullmatch(rf"{ILLEGAL} \(worker.py:\d+, _step\)", loss.why)


def test_an_assertion_of_a_kernel_is_blamed_on_no_gpu(lost_worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(session: Any, seconds: float) -> str:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(BrokenSession, "advance", advance)
    with pytest.raises(GpuFault) as caught:
        lost_worker[0].step()
    loss = classify_loss(f"GpuFault: {caught.value}")
    assert (loss.outcome, loss.gpu) == ("lost", "")


def test_a_worker_on_a_retired_gpu_hands_its_job_back_and_stays(
    lost_worker: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainable, "PARKED_SECONDS", 0.0)
    worker, _ = lost_worker
    assert worker.reset_config(trainable.config_of(tiny.job(0), {"GPU 1 of node a (5ca8d6)"}))
    for _ in range(2):
        result = worker.step()
        assert (result["outcome"], result["done"]) == (trainable.PARKED, False)
    assert not sessions, "it touched nothing"


def test_a_run_in_one_process_ends_with_its_gpu_and_can_be_resumed(tiny: Tiny, broken: list[BrokenSession]) -> None:
    tiny.sweep.backend = InProcessBackend(2)
    assert tiny.sweep.run("the command") == 1
    tiny.sweep.conclude()
    assert f"Stopped: this process cannot use its GPU any more: {ILLEGAL} (worker.py:" in tiny.said()
    assert tiny.said().rstrip().endswith("All that was trained is kept; the same command carries on:\n  the command")
    assert len(broken) == 1, "no other training met the same error"


# --- which GPU is retired


class Losses:
    """Losses and progress of trainings on GPUs, each by a task of its own."""

    def __init__(self) -> None:
        self.faults, self._n = GpuFaults(), 0

    def start(self) -> str:
        self._n += 1
        self.faults.record_start(str(self._n))
        return str(self._n)

    def lose(self, training: str, gpu: str, task: str | None = None) -> bool:
        return self.faults.record_loss(task or self.start(), training, gpu, "CUDA error")


def test_a_gpu_that_loses_several_trainings_is_retired_once() -> None:
    losses = Losses()
    assert [losses.lose(name, "0") for name in ("a", "b", "c", "d")] == [False, False, True, False]
    assert losses.faults.retired == {"0": "CUDA error"}
    assert MAX_STRIKES == 3


def test_progress_between_losses_keeps_a_gpu() -> None:
    losses = Losses()
    for name in ("a", "b", "c", "d"):
        assert not losses.lose(name, "0")
        losses.faults.record_progress(name, "0")


def test_workers_that_one_event_ends_count_once() -> None:
    losses = Losses()
    tasks = [losses.start() for _ in range(4)]
    assert not any(losses.lose(task, "0", task) for task in tasks)
    assert not losses.lose("e", "0")
    assert losses.lose("f", "0")


def test_a_training_that_fails_alone_where_no_other_gpu_is_known_is_to_blame_itself() -> None:
    losses = Losses()
    assert not any(losses.lose("a", "0") for _ in range(10))
    assert losses.lose("b", "0"), "another one too: the GPU is"


def test_a_training_that_fails_on_each_gpu_retires_none() -> None:
    losses = Losses()
    losses.faults.record_progress("b", "0")
    losses.faults.record_progress("c", "1")
    assert not losses.lose("a", "0")
    assert not any(losses.lose("a", "1") for _ in range(10))


def test_a_gpu_is_retired_by_one_training_where_others_work() -> None:
    losses = Losses()
    losses.faults.record_progress("b", "1")
    assert [losses.lose("a", "0") for _ in range(3)] == [False, False, True]


# --- how Tune is kept from it


class Queue:
    """A queue that has jobs without end."""

    def __init__(self, job: Any) -> None:
        self.job, self.running, self.ended, self.failure = job, [], [], None

    def begin(self, task: str) -> Any:
        self.running.append(task)
        return self.job

    def end(self, task: str, report: Any) -> None:
        self.running.remove(task)
        self.ended.append((task, report))


def test_the_sweep_ends_once_every_worker_is_parked(tiny: Tiny) -> None:
    queue, faults = Queue(tiny.job(0)), GpuFaults()
    searcher = TuneSearcher(queue, faults, lambda: 2)  # type: ignore[arg-type]
    faults.retired["GPU 0 of node a"] = "CUDA error: ECC"
    for task in ("x", "y"):
        assert searcher.suggest(task)["retired"] == ["GPU 0 of node a"]
    parked = {"outcome": trainable.PARKED}
    for _ in range(2):
        searcher.on_trial_result("x", parked)
        assert queue.failure is None
    searcher.on_trial_result("y", parked)
    assert queue.ended == [("x", None), ("y", None)]
    assert queue.failure == "no GPU is left, as each lost its workers (GPU 0 of node a: CUDA error: ECC)"
    searcher.on_trial_complete("x", {"outcome": trainable.PARKED})
    assert len(queue.ended) == 2


# --- with Ray, whose GPUs are simulated

ON_GPUS: dict[str, Any] = {"resources": {"cpus": 1, "gpus": 1}, "trial__compute": {"device": "cpu"}, "profile": None}
ON_GPUS |= {"search__axes": {"batch_size": {"grid": [16, 24, 32]}}, "search__replicates": 2}
BROKEN = f"""
steps = 0


def fault():
    global steps
    steps += 1
    here = os.environ["CUDA_VISIBLE_DEVICES"]
    with open(FOLDER / f"gpu{{here}}", "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    if here in BAD:
        raise RuntimeError("{ILLEGAL}")
    until = time.monotonic() + 120
    while BAD and steps == 40 and losses() < {MAX_STRIKES} and time.monotonic() < until:
        time.sleep(0.1)  # this worker has trained a trial, and leaves the bad GPU the time to fail


def losses():
    path = FOLDER / f"gpu{{BAD[0]}}"
    return path.read_text().count("\\n") if path.exists() else 0
"""


def run_on_gpus(tmp_path: Path, broken: Iterable[str], **changes: Any) -> tuple[int, str, dict[str, list[str]]]:
    """Run a sweep on two simulated GPUs, some of which fail; return its exit code, output, and the workers by GPU."""
    (tmp_path / "smoke.yaml").write_text(smoke(**(ON_GPUS | changes)))
    fault = f"BAD = {list(broken)!r}\n{BROKEN}"
    program = simulate(tmp_path / "faults", fault, gpus=2)
    driver = SweepProcess(tmp_path / "smoke.yaml", "--results", tmp_path, scratch=tmp_path / "tmp", program=program)
    try:
        code, output = driver.wait(500), driver.output  # seconds: a worker is replaced three times
    finally:
        driver.close()
    seen = {path.name: sorted(set(path.read_text().split())) for path in (tmp_path / "faults").glob("gpu*")}
    return code, output, seen


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_gpu_that_fails_is_told_and_the_sweep_goes_on_without_it(tmp_path: Path) -> None:
    code, printed, workers = run_on_gpus(tmp_path, ["1"])
    assert code == 0, printed
    assert len(re.findall(r"note: GPU 1 of node .* is no longer used: it lost 3 workers in a row", printed)) == 1
    assert printed.count("retry: ") == MAX_STRIKES
    assert len(workers["gpu1"]) == MAX_STRIKES, "each in a process of its own"
    alone = Tiny(tmp_path / "alone" / "smoke", **ON_GPUS).all()
    assert hash_records(tmp_path / "smoke") == hash_records(alone.store.folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_whose_gpus_all_fail_says_so_and_is_resumed(tmp_path: Path) -> None:
    code, printed, _ = run_on_gpus(tmp_path, ["0", "1"], search__retries=9)
    assert code == 1
    last = printed.strip().splitlines()
    assert any(line.startswith("Stopped: no GPU is left, as each lost its workers (GPU 0 of node") for line in last)
    assert "All that was trained is kept; the same command carries on" in printed
    code, printed, _ = run_on_gpus(tmp_path, [], search__retries=9)
    assert code == 0, printed
