"""AutoAttack draws for each image alone: its verdict does not depend on the order of the images or on their company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from trainers.accuracy import evaluation_mode
from trainers.autoattack import LEAST, MISCLASSIFIED, STANDARD, WITHSTOOD, AutoAttack
from trainers.balls import Norm
from trainers.config import TrialConfig
from trainers.data import to_pixels
from trainers.trainer import Trainer

BUDGETS: dict[Norm, float] = {"linf": 0.04, "l2": 0.3}
QUERIES = 300  # of Square, for 5000
STEPS = 20  # of FAB, for 100
PARTS = (1, 2, 7, 19, 60)  # sizes of parts that 89 images are attacked in


@pytest.fixture(scope="module")
def fitted(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Trainer:
    data = {"name": "digits", "train": 200, "val": 0, "test": 89}
    return trained(tiny(data=data, epochs=20, optimizer={"name": "sgd", "lr": 0.05}))


def build(
    trainer: Trainer, names: tuple[str, ...], norm: Norm = "linf", seed: int = 5, restarts: int = 1
) -> AutoAttack:
    attack = AutoAttack(trainer.net, names, BUDGETS[norm], norm, restarts, seed, torch.device("cpu"))
    attack._packaged.square.n_queries = QUERIES
    attack._packaged.fab.n_iter = STEPS
    return attack


def images(trainer: Trainer) -> tuple[Tensor, Tensor]:
    test = trainer.splits["test"]
    return to_pixels(test.x), test.y


def attack_in_parts(attack: AutoAttack, x: Tensor, y: Tensor) -> Tensor:
    """Attack the images in another order, a few at a time."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    found = torch.full_like(y, len(attack.names))
    for part in order.split(PARTS):
        found[part] = attack.attack(x[part], y[part])
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("names", "norm"),
    [
        *((("apgd-ce",), norm) for norm in ("linf", "l2")),
        (("apgd-ce", "fab-t", "square"), "linf"),
        *(
            pytest.param((name,), norm, marks=pytest.mark.slow)
            for name in ("apgd-t", "fab", "fab-t", "square")
            for norm in ("linf", "l2")
        ),
        *(pytest.param(STANDARD, norm, marks=pytest.mark.slow) for norm in ("linf", "l2")),
    ],
)
def test_verdicts_are_those_of_any_order_and_any_parts(fitted: Trainer, names: tuple[str, ...], norm: Norm) -> None:
    x, y = images(fitted)
    with evaluation_mode(fitted.net, 0):
        attack = build(fitted, names, norm)
        whole = attack.attack(x, y)
        assert torch.equal(whole, attack_in_parts(attack, x, y))
    assert {MISCLASSIFIED, WITHSTOOD, 0} <= set(whole.tolist())  # some of each


@pytest.mark.long
@pytest.mark.parametrize("loss", ["ce", "dlr"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_adversaries_of_apgd_are_the_same_bits_in_any_company(fitted: Trainer, loss: str, norm: Norm) -> None:
    x, y = images(fitted)
    some = torch.tensor([70, 3, 41, 8, 88])
    with evaluation_mode(fitted.net, 0):
        apgd: Any = build(fitted, ("apgd-ce",), norm, restarts=3)._packaged.apgd
        apgd.loss = loss
        assert torch.equal(apgd.perturb(x, y)[some], apgd.perturb(x[some], y[some]))


def test_starts_differ_between_seeds_runs_losses_and_images(fitted: Trainer) -> None:
    starts = []
    with evaluation_mode(fitted.net, 0):
        for seed, loss, runs in ((0, "ce", 0), (1, "ce", 0), (0, "dlr", 0), (0, "ce", 1)):
            apgd: Any = build(fitted, ("apgd-ce",), seed=seed)._packaged.apgd
            apgd.loss, apgd._runs = loss, runs
            starts += [apgd._draw(image.numpy()) for image in images(fitted)[0][:2]]
    assert len({start.numpy().tobytes() for start in starts}) == len(starts)
    assert all(-1 <= float(start.min()) < -0.9 < 0.9 < float(start.max()) <= 1 for start in starts)


def test_small_batches_are_filled_up_and_counted_as_they_are(fitted: Trainer) -> None:
    x, y = images(fitted)
    with evaluation_mode(fitted.net, 0):
        logits = build(fitted, ("apgd-ce",))._logits
        net = fitted.net
        net.forwards = net.backwards = 0
        point = x[:3].requires_grad_()
        torch.autograd.grad(logits(point).sum(), point)
        assert (net.forwards, net.backwards) == (3, 3)
        assert torch.equal(logits(x[:3]), logits(x)[:3]) and len(x) > LEAST
    assert y.shape == (89,)


@pytest.mark.parametrize("position", [0, 1])
def test_square_is_warned_of_by_what_it_breaks_alone(fitted: Trainer, position: int, caplog: Any) -> None:
    attack = build(fitted, ("apgd-ce", "square"))
    with caplog.at_level("WARNING", "auto-attack"):
        attack._warn_of_square(torch.tensor([position, WITHSTOOD, MISCLASSIFIED, 0]))
    assert any(text.startswith("Square Attack has decreased") for text in caplog.messages) == (position == 1)
