"""The benchmark counts the operations of a step, and a step has no more of them than it needs."""

from __future__ import annotations

import pytest
import torch

from trainers import bench
from trainers.averaging import EMA
from trainers.awp import AWP
from trainers.bench_ops import END, Ops, _Counting, count_ops
from trainers.bench_time import Case, acting
from trainers.config import Compute
from trainers.models import MLP, DigitsCNN, Model, PreActResNet18


def step_of(method: object, model: Model, average: EMA | None = None, precision: str = "fp32") -> Ops:
    compute = Compute(device="cpu", precision=precision).resolved(False)
    return Ops("", count_ops(Case(model, 4, 3, 32, compute, 1).trainer(method, 3, average)))


@pytest.mark.long
def test_views_and_allocations_are_no_operations() -> None:
    x = torch.ones(4, 4)
    counting = _Counting()
    with counting:
        torch.empty_like(x)
        (x.view(16)[:2].t() + 1).relu_()
    assert counting.parts.total() == 2  # the sum and the relu


@pytest.mark.long
def test_parts_of_a_step_of_pgd_training() -> None:
    counts = step_of("pgd-at", MLP(hidden=(8,)))
    assert counts.parts["attack forward"] == 10 * 5  # standardising is two; two linear layers, one relu
    assert counts.parts["forward"] == 5
    assert counts.parts["optimizer"] == 4  # decay, momentum twice, step
    assert counts.parts[END] > 0


@pytest.mark.long
@pytest.mark.parametrize(("method", "most"), [("pgd-at", 1700), ("trades", 2000), ("fat", 700)])
def test_a_step_of_a_preact_resnet_in_bf16_has_few_operations(method: str, most: int) -> None:
    """Before weights were rounded once and records gathered once an epoch: 1997 (pgd-at), 2409 and 829.

    The four images of FAT rest after three steps.
    """
    assert step_of(method, PreActResNet18(width=4), precision="bf16").step <= most


@pytest.mark.long
def test_an_average_and_awp_take_an_operation_for_all_tensors_and_not_for_each() -> None:
    plain, averaged = step_of("pgd-at", DigitsCNN()), step_of("pgd-at", DigitsCNN(), EMA())
    assert averaged.step - plain.step == 2  # the floats move, the counters are copied
    perturbed = step_of(acting("pgd-at").model_copy(update={"awp": AWP()}), DigitsCNN())
    tensors = len(list(DigitsCNN().build(3, 32, 10).parameters()))
    assert perturbed.parts["awp"] < plain.parts["attack backward"] / 10 + 2 * tensors


@pytest.mark.long
def test_benchmark_prints_the_operations_of_a_method_and_with_awp_and_ema(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--ops", "--model", "mlp", "--size", "4", "--channels", "1", "--method", "fgsm-at"]) == 0
    header, table = capsys.readouterr().out.split("\n\n")
    assert "1 thread, fp32, eager" in header
    names = [line.split("  ")[0].strip() for line in table.strip().splitlines()]
    assert names == ["operations of a step", "fgsm-at", "fgsm-at + awp", "fgsm-at + ema"]


@pytest.mark.parametrize("option", ["--plain", "--compile"])
def test_operations_are_those_of_the_own_eager_step(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--ops", option, "--model", "mlp"])
    assert "drop --plain and --compile" in capsys.readouterr().err
