"""The comparisons of bits: what differs is named with what to do, and on this machine nothing does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from search.doctor import promises
from search.doctor.check import Conditions
from search.doctor.promises import (
    KILLED,
    SAME_AGAIN,
    SHARED,
    Outcome,
    build_space,
    check_compiled,
    check_promises,
    compare_records,
    judge,
    measure_compilation,
    train_sweep,
)
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.space import load_space
from trainers.record_reader import read_rows
from trainers.trainer import Trainer


def plan(folder: Path, cuda: bool, compiled: bool = False) -> Plan:
    space = folder / "space.yaml"
    space.write_text(yaml.safe_dump(build_space(cuda, compiled), sort_keys=False))
    return Planner(load_space(space, []), lambda data: "any data").plan()


def test_the_sweep_has_trainings_that_share_their_beginning_and_trainings_that_do_not(tmp_path: Path) -> None:
    tree = plan(tmp_path, cuda=False).tree
    assert [tree.count_shared(i) for i in range(4)] == [2, 2, 0, 0] and (tree.asked, tree.distinct) == (16, 14)


def test_on_a_gpu_further_methods_and_a_usual_network_are_compared(tmp_path: Path) -> None:
    planned = plan(tmp_path, cuda=True)
    assert len(planned.trials) == 18 and {trial.config.compute.device for trial in planned.trials} == {"cuda"}
    assert {trial.config.model.name for trial in planned.trials} == {"digits_cnn", "preact_resnet18"}
    assert not any(trial.config.compute.compile for trial in planned.trials)
    compiled = plan(tmp_path, cuda=True, compiled=True)
    assert len(compiled.trials) == 4 and all(trial.config.compute.compile for trial in compiled.trials)


@pytest.mark.parametrize(
    ("name", "how", "remedy"),
    [
        (SAME_AGAIN, "eager", "set trial.compute.deterministic: true in every space, and update torch, cuDNN or the "
                              "driver; until then no result of this device can be verified"),
        (SHARED, "compiled", "set trial.compute.compile: false; until then results depend on what a sweep shares"),
        (KILLED, "compiled", "set trial.compute.compile: false; until then a sweep must not be resumed here"),
    ],
)  # fmt: skip
def test_bits_that_differ_are_named_with_the_remedy(name: str, how: str, remedy: str) -> None:
    found = judge(name, how, Outcome(4, {"method=fat": "epochs.jsonl, from epoch 2 on"}))
    assert found.state == "failed" and found.name == f"{name}, {how}" and found.remedy == remedy
    assert found.found == "1 of 4 trainings differ: method=fat (epochs.jsonl, from epoch 2 on)"
    assert judge(name, how, Outcome(4, {})).found == "4 trainings: equal records and weights, bit for bit"


def test_records_that_differ_or_are_missing_are_named_by_training(tmp_path: Path) -> None:
    for folder in ("whole", "killed"):
        for trial in ("a", "b"):
            (tmp_path / folder / "trials" / trial).mkdir(parents=True)
            for name in ("epochs.jsonl", "result.json", "cost.jsonl"):
                (tmp_path / folder / "trials" / trial / name).write_text(f"{trial} {name}")
    (tmp_path / "killed" / "trials" / "a" / "epochs.jsonl").write_text("other")
    (tmp_path / "killed" / "trials" / "a" / "result.json").unlink()
    (tmp_path / "killed" / "trials" / "b" / "cost.jsonl").write_text("times differ")
    rows = {"trials": [{"id": "a"}, {"id": "b"}]}
    outcome = compare_records(tmp_path / "whole", tmp_path / "killed", rows)
    assert outcome == Outcome(2, {"a": "epochs.jsonl and result.json"})


@pytest.mark.long
def test_a_device_whose_bits_vary_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of a training get noise from outside; a killed sweep is stood in for by a second one."""
    update, noise = Trainer._update, torch.Generator().manual_seed(0)

    def update_with_noise(trainer: Trainer, loss: torch.Tensor, examples: int) -> None:
        update(trainer, loss * (1 + 1e-3 * torch.rand((), generator=noise)), examples)

    monkeypatch.setattr(Trainer, "_update", update_with_noise)
    monkeypatch.setattr(promises, "kill_and_resume", lambda space, folder, *_: train_sweep(str(space), str(folder)))
    found = list(check_promises(Conditions(tmp_path, tmp_path, "cpu")))
    assert [check.name.rpartition(", ")[0] for check in found] == [SAME_AGAIN, SHARED, KILLED]
    assert {check.state for check in found} == {"failed"}
    assert all("epochs.jsonl" in why for why in found[0].values["different"].values())


@pytest.mark.long
def test_a_sweep_that_does_not_train_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Trainer, "_update", fail)
    (found,) = check_promises(Conditions(tmp_path, tmp_path, "cpu"))
    assert found.state == "failed" and "an illegal memory access was encountered" in found.found


@pytest.mark.slow
def test_this_machine_keeps_its_promises_although_a_sweep_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until, at = promises.SweepProcess.wait_until, []

    def note(driver: promises.SweepProcess, *arguments: object) -> None:
        wait_until(driver, *arguments)
        at.append(sum(len(read_rows(path)) for path in tmp_path.glob("killed/trials/*/epochs.jsonl")))

    monkeypatch.setattr(promises.SweepProcess, "wait_until", note)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = list(check_promises(Conditions(tmp_path, tmp_path, device)))
    assert [check.state for check in found] == ["passed"] * 3
    assert [check.values["compared"] for check in found][-1] == len(list(tmp_path.glob("killed/trials/*")))
    assert 0 < at[0] < 14 or device == "cuda", "it was killed midway"
    shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_compiled_trainings_of_this_machine_keep_their_promises(tmp_path: Path) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = list(check_compiled(Conditions(tmp_path, tmp_path, device)))
    assert [check for check in found if check.state != "passed"] == [] and len(found) == 5


def test_a_compiler_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("backend='inductor' raised:\nInvalidCxxCompiler")

    monkeypatch.setattr(promises, "build_trainer", fail)
    found = measure_compilation(Conditions(tmp_path, tmp_path, "cpu"))
    assert found.state == "failed" and found.found.startswith(
        "RuntimeError: backend='inductor' raised: InvalidCxxCompiler (promises.py:"
    )
    assert found.remedy == "set trial.compute.compile: false"
