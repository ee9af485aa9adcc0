"""The measurements: methods, speed, costs and packing, on small networks and on stand-ins for what fails."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest
import torch

from search.cluster.gpu_probe import CopiesMeasured
from search.doctor import costs, methods, packing, speed
from search.doctor.check import Conditions
from search.doctor.costs import check_costs
from search.doctor.methods import build_trainer, describe_waits, judge_methods, try_autoattack, try_methods
from search.doctor.packing import check_packing, judge_packing, measure_copies
from search.doctor.speed import TimedModel, check_speed, format_flops
from search.ray_env import ray
from trainers.bench_cost import Clock, Peak
from trainers.config import Stage
from trainers.methods import METHODS
from trainers.trainer import Epoch, Trainer

GIB = 1 << 30


@pytest.fixture
def here(tmp_path: Path) -> Conditions:
    return Conditions(tmp_path, tmp_path, "cpu")


@pytest.mark.long
def test_methods_train_are_measured_and_end(here: Conditions) -> None:
    (found,) = try_methods(here, ["standard", "pgd-at"])
    assert found.state == "passed" and found.values["methods"] == 2, found.found


@pytest.mark.slow
def test_every_method_works_on_this_machine(tmp_path: Path) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = list(methods.check_methods(Conditions(tmp_path, tmp_path, device)))
    assert [check for check in found if check.state != "passed"] == [] and found[0].values["methods"] == len(METHODS)


def test_a_method_that_fails_is_named_and_the_others_are_tried(
    here: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(device: str, method: str, compiled: bool, threads: int) -> Trainer:
        if method == "fat":
            raise RuntimeError("CUDA error: no kernel image is available\nfor execution on the device")
        return build_trainer(device, method, compiled, threads)

    monkeypatch.setattr(methods, "build_trainer", build)
    (found,) = try_methods(here, ["fat", "standard"])
    assert found.state == "failed"
    assert found.found.startswith(
        "1 method of 2 failed: fat: RuntimeError: CUDA error: no kernel image is available (methods.py:"
    )
    assert found.remedy.startswith("leave these out of a space on this machine")


def test_of_many_failures_some_are_named_and_all_are_in_the_json() -> None:
    found = judge_methods(26, dict.fromkeys("abcdef", "no"), 1.0)
    assert found.found == "6 methods of 26 failed: a: no, b: no, c: no and 3 more" and len(found.values["wrong"]) == 6


def test_waits_for_a_gpu_are_counted_by_line() -> None:
    waits = {"fat": Counter({"attacks.py:178": 20, "log.py:1": 2}), "pgd-at": Counter({"log.py:1": 2})}
    assert describe_waits(waits).found == (
        "12 an epoch of 2 steps with its measurement, mean of 2 methods: attacks.py:178 (20), log.py:1 (4)"
    )


def test_where_the_host_waits_for_a_gpu_is_warned_about_only_while_an_epoch_runs(
    here: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []
    run_epoch = Trainer.run_epoch

    def run(trainer: Trainer, stage: Stage) -> Epoch:
        assert modes[-1] == "warn"
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        return run_epoch(trainer, stage)

    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    monkeypatch.setattr(Trainer, "run_epoch", run)
    monkeypatch.setattr(methods, "build_trainer", lambda *_, **__: build_trainer("cpu", "standard", False))
    tried, waits = try_methods(here._replace(device="cuda"), ["standard"])
    assert tried.state == "passed" and modes == ["warn", "default"]
    assert waits.found.startswith("1 an epoch of 2 steps with its measurement, mean of 1 method: test_measurements.py:")


@pytest.mark.parametrize(
    ("compiled", "remedy"), [(False, "leave AutoAttack out"), (True, "set trial.compute.compile:")]
)
def test_an_attack_that_fails_is_reported(
    compiled: bool, remedy: str, here: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(trainer: Trainer) -> None:
        raise RuntimeError("This backward function was compiled with non-empty donated buffers")

    monkeypatch.setattr(Trainer, "final", fail)
    monkeypatch.setattr(methods, "build_trainer", lambda *_: build_trainer("cpu", "standard", False))
    found = try_autoattack(here, compiled)
    assert found.state == "failed" and "non-empty donated buffers" in found.found and found.remedy.startswith(remedy)


@pytest.mark.long
def test_steps_are_timed_beside_the_measured_peak(here: Conditions, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {"fp32": Peak(1e11, "a product"), "bf16": Peak(2e12, "a convolution")}
    monkeypatch.setattr(speed, "measure_peaks", lambda clock: peaks)
    monkeypatch.setattr(speed, "TIMED", (TimedModel("small network", "mlp", 8, 8),))
    peak, step = check_speed(here)
    assert peak.found == "FP32 100 GFLOP/s, bf16 2 TFLOP/s"
    values = step.values
    assert step.name == "small network" and "in batches of 8, fp32, eager: " in step.found
    assert values["share"] == pytest.approx(values["flops_per_image"] * values["images_per_s"] / 1e11)


@pytest.mark.long
def test_the_peak_of_a_processor_is_measured_in_two_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "PEAK_ROUNDS", 1)
    found = speed.measure_peaks(Clock(torch.device("cpu"), 1))
    assert found.keys() == {"fp32", "bf16"} and min(peak.flops for peak in found.values()) > 1e8


def test_tf32_is_allowed_only_while_its_peak_is_measured() -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    with speed._tf32(True):
        assert torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before


def test_flops_have_their_unit() -> None:
    assert format_flops(4.567e13) == "45.7 TFLOP/s" and format_flops(1.7e11) == "170 GFLOP/s"


def test_memory_measuring_and_checkpoints_are_measured(here: Conditions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MODEL", "mlp")
    memory, measuring, checkpoint = check_costs(here)
    assert memory.values["peak"] > 10_000_000 and measuring.values["images_per_s"] > 0
    assert " for 11,000; training " in measuring.found
    assert checkpoint.values["bytes"] > 10_000 and checkpoint.found.startswith("training waits ")


def copies(*rates: float, memory: int = 2 * GIB) -> list[CopiesMeasured]:
    return [CopiesMeasured(i + 1, rate, memory) for i, rate in enumerate(rates)]


def test_copies_are_shown_with_what_auto_chooses() -> None:
    found = judge_packing("preact_resnet18", copies(100, 170, 180, 185), "", 80 * GIB, 4)
    assert found.values["packed"] == 2
    assert found.found == (
        "preact_resnet18 in copies at once 1: 100 images/s (1.00 x), 2: 170 images/s (1.70 x), "
        "4: 185 images/s (1.85 x); a copy needs 2.15 GB; `gpus: auto` packs 2"
    )


def test_auto_may_choose_more_copies_than_are_measured() -> None:
    found = judge_packing("preact_resnet18", copies(100, 190, 280, 360), "", 80 * GIB, 4)
    assert found.found.endswith("`gpus: auto` packs 4 or more, as far as was measured")
    fills = judge_packing("preact_resnet18", copies(100, 190, 280, 360, memory=20 * GIB), "", 80 * GIB, 4)
    assert fills.values["packed"] == 3 and fills.found.endswith("packs 3")


def test_copies_on_a_processor_are_not_packed() -> None:
    found = judge_packing("digits_cnn", copies(100, 190), "", None, 2)
    assert found.values["packed"] is None and "auto" not in found.found


def test_a_copy_that_finds_no_memory_ends_the_measurement() -> None:
    left = copies(100, 150)

    def add_copy() -> CopiesMeasured:
        if not left:
            raise ray.exceptions.RayError("CUDA out of memory")
        return left.pop(0)

    measured, trouble = measure_copies(add_copy, 4)
    assert len(measured) == 2 and trouble == "CUDA out of memory"
    found = judge_packing("preact_resnet18", measured, trouble, 80 * GIB, 4)
    assert found.state == "passed" and found.found.endswith("; a further copy failed: CUDA out of memory")


def test_a_training_that_does_not_run_alone_fails() -> None:
    found = judge_packing("preact_resnet18", [], "CUDA out of memory", 80 * GIB, 4)
    assert found.state == "failed" and found.found == "CUDA out of memory"
    assert found.remedy.endswith("`resources: {gpus: 1}` packs nothing")


@pytest.mark.slow
def test_copies_are_measured_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cluster.gpu_probe.SECONDS", 0.5)
    monkeypatch.setattr(packing, "COPIES", 2)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    (found,) = check_packing(Conditions(tmp_path, tmp_path, device))
    assert found.state == "passed" and found.values["measured"][0]["images_per_s"] > 0, found
