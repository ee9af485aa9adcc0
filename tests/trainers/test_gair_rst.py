"""GAIR-RST: two adversaries mixed by how many steps an example withstands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from trainers.attacks import PGD
from trainers.gair_rst import GAIRRST
from trainers.losses import TRADES
from trainers.method import Method
from trainers.methods import METHODS
from trainers.schedules import Piecewise
from trainers.step import Net

from .helpers import images, labelled, seeded, steep

ATTACK = PGD(epsilon=0.1, steps=4, start="normal", ascend="kl")


def only(method: GAIRRST, net: Net, batch: Any, seed: int = 0) -> Any:
    [(loss, columns)] = list(method.losses(net, batch, seeded(seed)))
    return loss, columns


@pytest.mark.parametrize("lam", [-2.0, 0.0, 3.0])
def test_the_loss_is_equation_12(lam: float) -> None:
    """CE(f(x), y) + beta (w KL(p || p') + (1 - w) KL(p || p_cw)), w = (1 + tanh(lam + 5 (1 - 2 kappa/K))) / 2."""
    net = steep()
    batch, rng = labelled(net, 20), seeded()
    kl_adversary = ATTACK(net, batch, rng)
    margin_adversary = ATTACK.model_copy(update={"ascend": "margin"})(net, batch, rng)
    assert kl_adversary.kappa is not None and kl_adversary.kappa.unique().numel() > 2
    w = (1 + torch.tanh(lam + 5 * (1 - 2 * kl_adversary.kappa / 4))) / 2
    clean, one, other = (net(x) for x in (batch.x, kl_adversary.x, margin_adversary.x))

    def apart(robust: torch.Tensor) -> torch.Tensor:
        return functional.kl_div(robust.log_softmax(1), clean.softmax(1), reduction="none").sum(1)

    expected = functional.cross_entropy(clean, batch.y) + 5 * (w * apart(one) + (1 - w) * apart(other)).mean()
    loss, columns = only(GAIRRST(attack=ATTACK, beta=5.0, lam=lam), net, batch)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(columns["weight"], w)
    assert torch.equal(columns["kappa"], kl_adversary.kappa)


def test_the_weight_at_the_ends_of_kappa(linear: Callable[..., Net]) -> None:
    """Lambda 3 and K = 10, not normalised: 1 where never right, 0.017986 where always."""
    always = linear(torch.zeros(4, 64), torch.tensor([0.0, 9.0, 0.0, 0.0]))
    batch = images(2)._replace(y=torch.tensor([1, 2]))
    _, columns = only(GAIRRST(), always, batch)
    assert columns["kappa"].tolist() == [10, 0]
    assert columns["weight"].tolist() == pytest.approx([0.017986, 1], abs=6e-7)


def test_gradients_flow_through_both_divergences_and_not_through_the_weight() -> None:
    net, batch = steep(), images()
    gradients = []
    for beta in (0.0, 6.0):
        loss, columns = only(GAIRRST(attack=ATTACK, beta=beta), net, batch)
        gradients.append(torch.autograd.grad(loss, list(net.module.parameters())))
        assert not columns["weight"].requires_grad
    (torch.nn.functional.cross_entropy(net(batch.x), batch.y)).backward()
    for plain, zero, six in zip(net.module.parameters(), *gradients, strict=True):
        torch.testing.assert_close(plain.grad, zero)
        assert not torch.allclose(zero, six)


def test_gair_rst_is_trades_until_half_of_training() -> None:
    """200 epochs, counted from 1: the second adversary comes in with epoch 101."""
    row, half = METHODS["gair-rst"], METHODS["trades"]
    stages = [row.at(epoch, 200) for epoch in range(200)]
    assert stages[:100] == [half] * 100
    assert stages[100:] == [GAIRRST(burn_in=0)] * 100


def test_knobs_in_time_reach_both_phases() -> None:
    beta = Piecewise(values=(1, 6), drops=(0.75,))
    row = GAIRRST(attack=ATTACK, beta=beta, lam=Piecewise(values=(3, 0), drops=(0.75,)))
    assert row.at(0, 8) == Method(attack=ATTACK, loss=TRADES(beta=1.0))
    assert [(row.at(e, 8).beta, row.at(e, 8).lam) for e in (4, 5, 6, 7)] == [(1, 3), (1, 3), (6, 0), (6, 0)]


def test_passes() -> None:
    """K + 1 forwards for the KL adversary, K for the margin's, three of the loss."""
    net = steep()
    only(GAIRRST(attack=ATTACK), net, images())
    assert (net.forwards, net.backwards) == (12 * (5 + 4 + 3), 12 * 8)


@pytest.mark.parametrize(
    "attack",
    [
        {"steps": 1}, {"steps": 0}, {"tau": 0}, {"ascend": "ce", "toward": {"label": 0, "instead": 1}},
        {"start": {"name": "previous"}},
    ],
    ids=str,
)  # fmt: skip
def test_gair_rst_refuses_unsuitable_attacks(attack: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="gair-rst"):
        GAIRRST.model_validate({"attack": attack})
