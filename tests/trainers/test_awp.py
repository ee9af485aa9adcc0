"""Adversarial weight perturbation: how far weights move, that they come back, and that statistics move once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainers.attacks import PGD, NoAttack
from trainers.awp import AWP
from trainers.losses import TRADES, cross_entropy
from trainers.method import Method
from trainers.models import DigitsCNN
from trainers.step import Batch, Net
from trainers.targets import Smoothed
from trainers.weights import Probability

from .helpers import images, seeded, steep

GAMMA = 0.01
ATTACK = PGD(epsilon=0.1, steps=2)


def state(net: Net) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.module.state_dict().items()}


def moved_weights(net: Net, batch: Batch) -> dict[str, Tensor]:
    """Return the parameters at which the loss is taken."""
    losses: Any = Method(attack=NoAttack(), awp=AWP(gamma=GAMMA)).losses(net, batch, seeded())
    next(losses)
    there = {name: value.detach().clone() for name, value in net.module.named_parameters()}
    losses.close()
    return there


@pytest.mark.parametrize("model", [None, DigitsCNN()], ids=["mlp", "cnn"])
def test_each_weight_tensor_moves_by_gamma_of_its_norm_along_its_gradient(model: Any) -> None:
    net, batch = steep(model), images()
    net.module.train()
    gradients = torch.autograd.grad(cross_entropy(net(batch.x), batch.y).mean(), list(net.module.parameters()))
    before = {name: value.detach().clone() for name, value in net.module.named_parameters()}
    after = moved_weights(net, batch)
    assert {value.ndim for value in before.values()} >= {1, 2}
    for (name, w), g in zip(before.items(), gradients, strict=True):
        expected = w + GAMMA * w.norm() * g / g.norm() if w.ndim > 1 else w
        torch.testing.assert_close(after[name], expected)
        if w.ndim > 1:
            assert (after[name] - w).norm() == pytest.approx(GAMMA * w.norm().item(), rel=1e-3)


def test_awp_climbs_the_training_loss() -> None:
    """With its weights, soft targets and regulariser."""
    net, batch = steep(), images()
    pieces: dict[str, Any] = {
        "loss": TRADES(beta=2),
        "weight": Probability(of="clean", burn_in=0),
        "target": Smoothed(),
    }
    method = Method(attack=ATTACK, **pieces)
    [(loss, _)] = list(method.losses(net, batch, seeded()))
    gradients = torch.autograd.grad(loss, list(net.module.parameters()))
    before = {name: value.detach().clone() for name, value in net.module.named_parameters()}
    losses: Any = method.model_copy(update={"awp": AWP(gamma=GAMMA)}).losses(net, batch, seeded())
    next(losses)
    for (name, w), g in zip(before.items(), gradients, strict=True):
        if w.ndim > 1:
            torch.testing.assert_close(net.module.get_parameter(name), w + GAMMA * w.norm() * g / g.norm())
    losses.close()


def test_the_loss_is_higher_where_the_weights_are_moved() -> None:
    net, batch = steep(), images(50)
    losses: Any = Method(attack=NoAttack(), awp=AWP(gamma=1e-4)).losses(net, batch, seeded())
    there = next(losses)[0].item()
    losses.close()
    here = cross_entropy(net(batch.x), batch.y).mean().item()
    gradients = torch.autograd.grad(cross_entropy(net(batch.x), batch.y).mean(), list(net.module.parameters()))
    climb = sum(
        1e-4 * (w.norm() * g.norm()).item()
        for w, g in zip(net.module.parameters(), gradients, strict=True)
        if w.ndim > 1
    )
    assert there - here == pytest.approx(climb, rel=0.05)  # to first order, gamma |w| |g| of every tensor


def test_weights_come_back_less_the_update() -> None:
    """w - lr g(w + offset), in which the gradient is that at the moved weights."""
    net, batch = steep(), images()
    before, there = state(net), moved_weights(net, batch)
    for loss, _ in Method(attack=NoAttack(), awp=AWP(gamma=GAMMA)).losses(net, batch, seeded()):
        net.module.zero_grad()
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in net.module.named_parameters() if p.grad is not None}
        with torch.no_grad():
            for parameter in net.module.parameters():
                parameter -= 0.1 * parameter.grad
    elsewhere = steep()
    elsewhere.module.load_state_dict(before | there)
    cross_entropy(elsewhere(batch.x), batch.y).mean().backward()
    for name, parameter in elsewhere.module.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)
        torch.testing.assert_close(state(net)[name], before[name] - 0.1 * parameter.grad)


def test_weights_come_back_if_the_update_fails() -> None:
    net, batch = steep(), images()
    before = state(net)
    losses: Any = Method(attack=ATTACK, awp=AWP(gamma=0.5)).losses(net, batch, seeded())
    next(losses)
    with pytest.raises(ZeroDivisionError):
        losses.throw(ZeroDivisionError())
    for name, value in state(net).items():
        torch.testing.assert_close(value, before[name])


def test_statistics_are_those_of_the_moved_network_alone() -> None:
    net, batch = steep(DigitsCNN()), images()
    net.module.train()
    before = state(net)
    there = moved_weights(net, batch)  # having looked there once
    elsewhere = steep(DigitsCNN())
    elsewhere.module.load_state_dict(before | there)
    elsewhere.module.train()
    elsewhere(batch.x)
    statistics = [name for name in before if "running" in name or "num_batches" in name]
    assert statistics and not all(torch.equal(state(net)[name], before[name]) for name in statistics)
    for name in statistics:
        torch.testing.assert_close(state(net)[name], state(elsewhere)[name])


@pytest.mark.parametrize(("loss", "looks"), [("ce", 1), ("trades", 2)])
def test_statistics_move_as_often_as_without(loss: str, looks: int) -> None:
    net = steep(DigitsCNN())
    net.module.train()
    method = Method.model_validate({"attack": {"name": "pgd", "steps": 2}, "loss": {"name": loss}, "awp": {}})
    for value, _ in method.losses(net, images(), seeded()):
        value.backward()
    norms = [m for m in net.module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {int(m.num_batches_tracked) for m in norms} == {looks}  # type: ignore[arg-type]


def test_a_look_more_and_a_backward_more() -> None:
    passes = []
    for awp in (None, AWP()):
        net = steep()
        list(Method(attack=ATTACK, loss=TRADES(), awp=awp).losses(net, images(), seeded()))
        passes.append((net.forwards // 12, net.backwards // 12))
    assert passes == [(4, 2), (6, 3)]


def test_awp_records_columns_at_the_unperturbed_weights() -> None:
    net, batch = steep(), images()
    method = Method(attack=ATTACK)
    [(_, plain)] = list(method.losses(net, batch, seeded()))
    [(_, moved)] = list(method.model_copy(update={"awp": AWP(gamma=0.5)}).losses(net, batch, seeded()))
    assert plain.keys() == moved.keys() and all(torch.equal(plain[key], moved[key]) for key in plain)


def test_a_target_is_remembered_once_an_update(tiny: Any, trained: Any) -> None:
    """The second look of the same visit does not move it again."""
    trial = {"attack": {"epsilon": 0.1, "steps": 2}, "target": {"name": "running-average", "burn_in": 0}}
    memories = [
        trained(tiny(method=trial | {"awp": awp}, epochs=1, batch_size=60)).examples.state.columns["target"]
        for awp in (None, {"gamma": 0.05})
    ]
    assert torch.equal(*memories)


def test_until_burn_in_nothing_is_moved() -> None:
    method = Method(awp=AWP(burn_in="50%"))
    stages = [method.at(epoch, 10) for epoch in range(10)]
    assert stages[:5] == [Method()] * 5
    assert stages[5:] == [Method(awp=AWP(burn_in=0))] * 5
