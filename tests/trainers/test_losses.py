"""Losses against hand-derived numbers, and where their gradients go."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from trainers.losses import MART, TRADES, ConsistentCE, CrossEntropy, cross_entropy, kl, margin
from trainers.step import Adversary, Batch, Step
from trainers.targets import Given
from trainers.weights import Uniform

LOGITS = st.lists(st.floats(-8, 8), min_size=3, max_size=3)


def logits(*probabilities: list[float]) -> Tensor:
    """Return logits of given probabilities."""
    return torch.tensor(probabilities, dtype=torch.float64).log()


def step(clean: Tensor | None, robust: Tensor, y: Tensor) -> Step:
    x = torch.zeros(len(y), 1, 2, 2)
    return Step(Batch(x, y), Adversary(x), clean, robust, torch.zeros(len(y), 3))


def test_cross_entropy_by_hand() -> None:
    z = logits([0.5, 0.25, 0.25], [0.1, 0.8, 0.1])
    assert cross_entropy(z, torch.tensor([0, 2])).tolist() == pytest.approx([math.log(2), math.log(10)])
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    assert cross_entropy(z, soft).tolist() == pytest.approx([1.5 * math.log(2), math.log(10)])


def test_kl_by_hand_clean_first() -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) = ln 2 - (ln 3) / 2; the other way round it is (3 ln 3) / 4 - ln 2."""
    p, q = logits([0.5, 0.5]), logits([0.25, 0.75])
    assert kl(p, q).item() == pytest.approx(math.log(2) - math.log(3) / 2)
    assert kl(q, p).item() == pytest.approx(0.75 * math.log(3) - math.log(2))
    assert kl(p, q).item() == pytest.approx(functional.kl_div(q, p.exp(), reduction="sum").item())


def test_margin_by_hand() -> None:
    z = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    assert margin(z, torch.tensor([0, 1, 2])).tolist() == [-1.0, 2.0, 1.0]


@given(LOGITS, st.integers(0, 2))
def test_margin_is_positive_exactly_where_misclassified(z: list[float], y: int) -> None:
    logit = torch.tensor([z], dtype=torch.float64)
    if len(set(z)) == 3:
        assert bool(margin(logit, torch.tensor([y])) > 0) == (int(logit.argmax()) != y)


@given(LOGITS, LOGITS, st.floats(-50, 50))
def test_kl_is_no_negative_zero_at_itself_and_blind_to_shifts(p: list[float], q: list[float], shift: float) -> None:
    a, b = torch.tensor([p], dtype=torch.float64), torch.tensor([q], dtype=torch.float64)
    assert kl(a, b).item() >= -1e-12
    assert kl(a, a).item() == 0
    assert kl(a + shift, b).item() == pytest.approx(kl(a, b).item(), abs=1e-9)


def test_kl_stands_confident_logits() -> None:
    certain = torch.tensor([[0.0, 200.0]])
    assert kl(certain, certain).item() == 0
    assert kl(certain, -certain).item() == pytest.approx(200)


def test_ce_looks_at_the_adversary_alone() -> None:
    y = torch.tensor([1, 0])
    robust = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([0.5, 1.5])
    assert torch.equal(CrossEntropy()(step(None, robust, y), y, None), cross_entropy(robust, y))
    assert torch.equal(CrossEntropy()(step(None, robust, y), y, weight), weight * cross_entropy(robust, y))


def test_trades_by_hand() -> None:
    """A weight multiplies the clean term alone: GAIR-TRADES and self-adaptive training."""
    clean, robust, y = logits([0.5, 0.5]), logits([0.25, 0.75]), torch.tensor([0])
    apart = 6 * (math.log(2) - math.log(3) / 2)
    assert TRADES(beta=6)(step(clean, robust, y), y, None).item() == pytest.approx(math.log(2) + apart)
    weighed = TRADES(beta=6)(step(clean, robust, y), y, torch.tensor([0.5]))
    assert weighed.item() == pytest.approx(math.log(2) / 2 + apart)


def test_trades_on_the_image_itself_is_ce() -> None:
    z, y = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    assert torch.equal(TRADES(beta=6)(step(z, z, y), y, None), cross_entropy(z, y))


def test_trades_takes_its_clean_term_at_the_target() -> None:
    z, target = torch.zeros(1, 2), torch.tensor([[0.3, 0.7]])
    assert TRADES()(step(z, z, torch.tensor([0])), target, None).item() == pytest.approx(math.log(2))


def test_ce_kl_by_hand() -> None:
    """The term of fine-tuning: CE on the adversary, pulled towards the clean prediction; a weight counts both."""
    clean, robust, y = logits([0.5, 0.5]), logits([0.25, 0.75]), torch.tensor([0])
    value = 2 * math.log(2) + 6 * (math.log(2) - math.log(3) / 2)
    assert ConsistentCE(beta=6)(step(clean, robust, y), y, None).item() == pytest.approx(value)
    assert ConsistentCE(beta=6)(step(clean, robust, y), y, torch.tensor([0.5])).item() == pytest.approx(value / 2)


def test_mart_by_hand() -> None:
    """-log 1/4 - log(1.0001 - 3/4) + 5 KL (1 - 1/2), which its weights take apart: ce the first term, kl the last."""
    clean, robust, y = logits([0.5, 0.5]), logits([0.25, 0.75]), torch.tensor([0])
    own, boost = math.log(4), -math.log(0.2501)
    apart = math.log(2) - math.log(3) / 2
    at, weight = step(clean, robust, y), torch.tensor([0.1], dtype=torch.float64)
    assert MART(beta=5)(at, y, None).item() == pytest.approx(own + boost + 2.5 * apart, abs=1e-6)
    assert MART(beta=5)(at, y, weight).item() == pytest.approx(0.1 * own + boost + 2.5 * apart, abs=1e-6)
    assert MART(beta=5, weighs="kl")(at, y, weight).item() == pytest.approx(own + boost + 0.5 * apart, abs=1e-6)
    assert torch.equal(MART(beta=5, weighs="kl")(at, y, None), MART(beta=5)(at, y, None))


def test_the_constants_of_mart() -> None:
    """1.0001 before the rival, 1e-12 in both logarithms, 1.0000001 before p_y, as in the authors' code."""
    y = torch.tensor([0])
    hopeless = torch.tensor([[-1e3, 1e3]], dtype=torch.float64)  # p' is 0 at the label and 1 at its rival
    same = MART(beta=0)(step(hopeless, hopeless, y), y, torch.tensor([0.0]))  # leaves the rival's term
    assert same.item() == pytest.approx(-math.log(0.0001 + 1e-12), rel=1e-9)
    certain = -hopeless  # p_y is 1, and p' 0 there: KL is ln 1e12
    parts = [MART(beta=beta)(step(certain, hopeless, y), y, None) for beta in (0.0, 1e6)]
    assert (parts[1] - parts[0]).item() == pytest.approx(1e6 * 1e-7 * math.log(1e12), rel=1e-6)


@given(LOGITS, LOGITS, st.integers(0, 2), st.floats(0, 8))
def test_mart_as_its_authors_write_it(p: list[float], q: list[float], y: int, beta: float) -> None:
    clean, robust = torch.tensor([p], dtype=torch.float64), torch.tensor([q], dtype=torch.float64)
    label, adversarial, natural = torch.tensor([y]), robust.softmax(1), clean.softmax(1)
    top = torch.argsort(adversarial, dim=1)[:, -2:]
    rival = torch.where(top[:, -1] == label, top[:, -2], top[:, -1])
    bce = functional.cross_entropy(robust, label) + functional.nll_loss((1.0001 - adversarial + 1e-12).log(), rival)
    divergence = functional.kl_div((adversarial + 1e-12).log(), natural, reduction="none").sum(1)
    value = bce + beta * divergence * (1.0000001 - natural[0, y])
    assert MART(beta=beta)(step(clean, robust, label), label, None).item() == pytest.approx(value.item(), rel=1e-9)


def test_mart_hardly_regularises_certain_predictions() -> None:
    clean, robust, y = torch.tensor([[200.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0])
    difference = MART(beta=1e3)(step(clean, robust, y), y, None) - MART(beta=0)(step(clean, robust, y), y, None)
    assert abs(difference.item()) < 1e-3


def test_mart_stays_finite_on_hopeless_predictions() -> None:
    """The constants of the authors' code: neither a rival of probability 1 nor p' = 0 gives infinity."""
    clean, robust = torch.tensor([[0.0, 200.0]]).requires_grad_(), torch.tensor([[0.0, 200.0]]).requires_grad_()
    value = MART()(step(clean, -robust, torch.tensor([1])), torch.tensor([1]), None)
    assert value.isfinite().all()
    value.sum().backward()
    assert clean.grad is not None and clean.grad.isfinite().all()
    assert robust.grad is not None and robust.grad.isfinite().all()


def test_trades_without_clean_logits_is_refused() -> None:
    z, y = torch.zeros(1, 2), torch.tensor([0])
    with pytest.raises(TypeError, match="clean logits"):
        TRADES()(step(None, z, y), y, None)


def test_the_gradient_of_kl_flows_through_both_arguments() -> None:
    """d/dz_i KL(p || q) = p_i (log p_i - log q_i - KL) through the clean logits, q_i - p_i through the robust ones."""
    clean, robust = logits([0.5, 0.5]).requires_grad_(), logits([0.25, 0.75]).requires_grad_()
    divergence = kl(clean, robust)
    divergence.sum().backward()
    log_ratio = torch.tensor([math.log(2), math.log(2 / 3)], dtype=torch.float64)
    assert clean.grad is not None and robust.grad is not None
    torch.testing.assert_close(clean.grad[0], 0.5 * (log_ratio - divergence.detach()))
    torch.testing.assert_close(robust.grad[0], torch.tensor([-0.25, 0.25], dtype=torch.float64))


@pytest.mark.parametrize("value", [lambda z, y: cross_entropy(z, y), lambda z, y: kl(-z, z), margin])
def test_losses_are_per_example(value: Any) -> None:
    z, y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1])
    together = value(z, y)
    assert together.shape == (5,)
    torch.testing.assert_close(together, torch.cat([value(z[i : i + 1], y[i : i + 1]) for i in range(5)]))


def test_neutral_members() -> None:
    y = torch.tensor([1, 0])
    neutral = step(None, torch.zeros(2, 2), y)
    assert Uniform()(neutral, y) is None
    assert Given()(neutral) is y
