"""Measuring in another precision: what is crafted in it, what is judged in fp32, and that records say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainers.accuracy import find_correct
from trainers.attack_runs import FGSM, AutoAttackRun, PGDAttack
from trainers.attacks import PGD
from trainers.config import Compute, TrialConfig
from trainers.data import Split
from trainers.evaluate import Evaluation
from trainers.measure import (
    arrays_at_best,
    evaluate_epoch,
    evaluate_final,
    evaluate_further,
    evaluate_training,
    loss_by_example,
)
from trainers.min_perturbation import MinimumPerturbation
from trainers.models import MLP, build_network
from trainers.step import Net
from trainers.trainer import Trainer


@pytest.fixture
def net() -> Net:
    """A network that notes in `passes` whether each pass computes in bf16."""
    module = build_network(MLP(hidden=(16,)), 1, 8, 4, (0.5,), (0.05,), seed=1).eval()
    noting, look = Net(module), module.features_and_logits
    noting.passes = []  # type: ignore[attr-defined]

    def noted(x: Tensor) -> tuple[Tensor, Tensor]:
        noting.passes.append(noting.bf16)  # type: ignore[attr-defined]
        return look(x)

    module.features_and_logits = noted  # type: ignore[method-assign]
    return noting


def split(count: int = 12) -> Split:
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, 1, 8, 8), generator=rng, dtype=torch.uint8)
    return Split(x, torch.randint(4, (count,), generator=rng))


def in_bf16(net: Net, measure: Callable[[Evaluation, dict[str, Split]], Any], **knobs: Any) -> list[bool]:
    """Return for each pass of a measurement whether it computes in bf16."""
    evaluation = Evaluation(epsilon=0.1, steps=3, precision="bf16", **({"final": {}} | knobs))
    measure(evaluation, {"test": split()})
    return net.passes  # type: ignore[attr-defined,no-any-return]


def test_attack_of_the_curves_is_crafted_in_bf16_and_judged_in_fp32(net: Net) -> None:
    passes = in_bf16(net, lambda evaluation, splits: evaluate_epoch(net, evaluation, splits, 0))
    assert passes == [False, True, True, True, False]  # the images, three steps, and where they end
    assert not net.bf16


@pytest.mark.parametrize(
    ("attack", "steps"), [(PGDAttack(steps=2), 2), (FGSM(), 1), (PGDAttack(steps=1, restarts=2), 4)]
)
def test_attack_along_training_is_crafted_in_bf16_and_judged_in_fp32(net: Net, attack: Any, steps: int) -> None:
    """Of several restarts the higher point is chosen by what bf16 says."""

    def measure(evaluation: Evaluation, splits: dict[str, Split]) -> None:
        evaluate_further(net, evaluation, splits["test"], {"a": attack}, 0)

    assert in_bf16(net, measure) == [True] * steps + [False]


def test_training_examples_are_attacked_in_bf16_and_judged_in_fp32(net: Net) -> None:
    def measure(evaluation: Evaluation, splits: dict[str, Split]) -> None:
        evaluate_training(net, evaluation, splits["test"], np.ones(12, bool), 0)

    assert in_bf16(net, measure) == [True, True, True, False]


def test_losses_under_attack_are_those_of_fp32_where_bf16_ends(net: Net) -> None:
    def measure(evaluation: Evaluation, splits: dict[str, Split]) -> None:
        loss_by_example(net, evaluation, splits, split(), 0)

    assert in_bf16(net, measure, test_losses=True) == [False, True, True, True, False]


@pytest.mark.parametrize(
    "attack",
    [PGDAttack(steps=2, keep="worst"), AutoAttackRun(version="custom", attacks=("apgd-ce",))],
    ids=["keep worst", "AutoAttack"],
)
def test_attack_that_judges_its_points_computes_in_fp32(net: Net, attack: Any) -> None:
    def measure(evaluation: Evaluation, splits: dict[str, Split]) -> None:
        evaluate_further(net, evaluation, splits["test"], {"a": attack}, 0)

    passes = in_bf16(net, measure)
    assert len(passes) > 2 and not any(passes)


def test_final_numbers_and_minimum_perturbations_are_those_of_fp32(net: Net) -> None:
    def measure(evaluation: Evaluation, splits: dict[str, Split]) -> None:
        evaluate_final(net, evaluation, splits, 0)
        arrays_at_best(net, evaluation, splits["test"])

    passes = in_bf16(net, measure, final={"pgd20": PGDAttack()}, min_perturbation=MinimumPerturbation())
    assert len(passes) > 20 and not any(passes)


def test_measuring_leaves_a_network_that_trains_in_bf16_as_it_was() -> None:
    module = build_network(MLP(hidden=(16,)), 1, 8, 4, (0.5,), (0.05,), seed=1).eval()
    half, plain = Net(module, "bf16"), Net(module)
    right = [find_correct(net, split(40), PGD(epsilon=0.1), 0, precision="fp32") for net in (half, plain)]
    assert torch.equal(*right) and half.bf16


@pytest.mark.parametrize(
    ("asked", "device", "trains_in", "crafts_in"),
    [
        ("auto", "cpu", "fp32", "fp32"), ("auto", "cpu", "bf16", "fp32"),
        ("auto", "cuda", "bf16", "bf16"), ("auto", "cuda", "fp32", "fp32"),
        ("bf16", "cpu", "fp32", "bf16"), ("bf16", "cuda", "fp32", "bf16"),
        ("tf32", "cpu", "fp32", "fp32"), ("tf32", "cuda", "bf16", "tf32"), ("fp32", "cuda", "bf16", "fp32"),
    ],
)  # fmt: skip
def test_which_precision_auto_is(asked: Any, device: str, trains_in: str, crafts_in: str) -> None:
    resolved = Evaluation(precision=asked).resolved(device, trains_in)
    assert resolved.precision == resolved.crafting == crafts_in
    assert resolved.resolved(device, trains_in) == resolved


def test_default_is_exact_on_a_cpu_and_not_part_of_what_identifies_a_study() -> None:
    compute = Compute().resolved(cuda=False)
    assert Evaluation().resolved(compute.device, compute.precision).crafting == "fp32"
    assert "precision" not in Evaluation().model_dump() and "precision" not in Evaluation().curve()
    assert Evaluation(precision="bf16").curve()["precision"] == "bf16"


def test_records_say_which_attacks_were_crafted_in_another_precision(
    tiny: Callable[..., TrialConfig], trainer: Callable[..., Trainer]
) -> None:
    """By these words accuracies of different terms are kept apart."""
    along = {
        "f": {"name": "fgsm", "images": 30}, "w": {"name": "pgd", "keep": "worst"},
        "aa": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"]},
    }  # fmt: skip
    final = {"pgd20": {"name": "pgd"}}
    measured = trainer(tiny(), precision="bf16", along=along, final=final).evaluation.attacks()
    assert measured == {
        "pgd": "PGD-2, linf, epsilon 0.1, step epsilon/4, crafted in bf16",
        "f": "FGSM, linf, epsilon 0.1, crafted in bf16 on 30 images drawn by class",
        "w": "PGD-20, linf, epsilon 0.1, step epsilon/4, right at every iterate",
        "aa": "AutoAttack custom (apgd-ce), linf, epsilon 0.1",
        "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4",
    }
    plain = trainer(tiny(), along=along, final=final).evaluation.attacks()
    assert not any("crafted" in words for words in plain.values())
