"""Weights that are rounded to bf16 once give the bits of autocast, which rounds them at each forward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tests.trainers.helpers import images, seeded
from trainers.attacks import PGD
from trainers.models import MLP, DigitsCNN, Model, SmallCNN, build_network
from trainers.step import Net

MODELS: list[Model] = [MLP(hidden=(16,)), DigitsCNN(), SmallCNN()]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def bf16(model: Model) -> Net:
    return Net(build_network(model, 1, 8, 4, (0.5,), (0.2,), seed=0), "bf16")


def autocast_logits(net: Net, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net.module(x).float()


@every_model
def test_logits_and_gradients_are_those_of_autocast(model: Model) -> None:
    net, batch = bf16(model), images()
    gradients = []
    for look in (net, lambda x: autocast_logits(net, x)):
        net.module.zero_grad()
        (cross_entropy(look(batch.x), batch.y) + cross_entropy(look(1 - batch.x), batch.y)).backward()
        gradients.append([parameter.grad for parameter in net.module.parameters()])
    assert all(map(torch.equal, *gradients))
    assert all(gradient.dtype == torch.float32 for gradient in gradients[0])


@every_model
def test_an_attack_rounds_the_weights_once_and_ends_where_autocast_does(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, batch, rounded = bf16(model), images(), []
    round_once = torch._foreach_copy_
    monkeypatch.setattr(torch, "_foreach_copy_", lambda *lists: rounded.append(len(lists[0])) or round_once(*lists))
    attack = PGD(epsilon=0.1, steps=4)
    ours = attack(net, batch, seeded()).x
    assert len(rounded) == 1
    monkeypatch.setattr(Net, "_pass", lambda net, x: (x, autocast_logits(net, x)))
    assert torch.equal(ours, attack(net, batch, seeded()).x)


def test_weights_that_change_between_attacks_are_rounded_anew() -> None:
    net, batch = bf16(MLP(hidden=(16,))), images()
    with net.attacked("eval"):
        net(batch.x)
    with torch.no_grad():
        net.module.head.bias += 1
    with net.attacked("eval"):
        assert torch.equal(net(batch.x), autocast_logits(net, batch.x))


def test_within_an_attack_the_exact_network_has_its_own_weights() -> None:
    net, batch = bf16(DigitsCNN()), images()
    with net.attacked("eval"):
        net(batch.x)
        with net.exact():
            assert torch.equal(net(batch.x), net.module(batch.x))
        assert torch.equal(net(batch.x), autocast_logits(net, batch.x))
    assert all(isinstance(value, torch.nn.Parameter) for value in net.module.parameters())
