"""Weights against the numbers of their equations, what they average, and when they act."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from trainers.attacks import PGD
from trainers.losses import TRADES, CrossEntropy, cross_entropy
from trainers.method import Method
from trainers.methods import METHODS
from trainers.schedules import Line, Piecewise
from trainers.weights import (
    GAIR,
    MOST_TILT,
    VANISHING,
    Confidence,
    GAIRLinear,
    GAIRSigmoid,
    GAIRSteps,
    LossSize,
    Probability,
    Uniform,
    linear,
    mean_one,
    sigmoid,
    tanh,
)

from .helpers import labelled, seeded, steep, step

KAPPAS = [0, 2, 5, 8, 10]
SHARES = torch.tensor(KAPPAS) / 10

# omega at those kappas of K = 10, and the same scaled to average one
TABLE: dict[str, tuple[Any, Any, list[float], list[float]]] = {
    "tanh, lambda 0": (
        GAIR(lam=0), lambda: tanh(SHARES, 0),
        [0.999955, 0.997527, 0.5, 0.002473, 0.000045], [1.999909, 1.995055, 1, 0.004945, 0.000091],
    ),
    "tanh, lambda -1": (
        GAIR(lam=-1), lambda: tanh(SHARES, -1),
        [0.999665, 0.982014, 0.119203, 0.000335, 0.000006], [2.378769, 2.336767, 0.283651, 0.000798, 0.000015],
    ),
    "tanh, lambda 3": (
        GAIR(lam=3), lambda: tanh(SHARES, 3),
        [1, 0.999994, 0.997527, 0.5, 0.017986], [1.422270, 1.422261, 1.418753, 0.711135, 0.025581],
    ),
    "sigmoid, lambda 0": (
        GAIRSigmoid(lam=0), lambda: sigmoid(SHARES, 0),
        [0.993307, 0.952574, 0.5, 0.047426, 0.006693], [1.986614, 1.905148, 1, 0.094852, 0.013386],
    ),
    "linear": (
        GAIRLinear(), lambda: linear(SHARES, 10),
        [1, 0.818182, 0.545455, 0.272727, 0.090909], [1.833333, 1.5, 1, 0.5, 0.166667],
    ),
}  # fmt: skip


def weighed(weight: Any, kappa: list[int], steps: int = 10) -> torch.Tensor:
    value: torch.Tensor = weight(step(torch.zeros(len(kappa), 3), [0] * len(kappa), kappa=kappa, steps=steps), None)
    return value


@pytest.mark.parametrize("name", TABLE)
def test_the_shapes_at_five_kappas(name: str) -> None:
    """Zhang et al. 2021, eqs. 6 to 8, as their code evaluates them."""
    weight, omega, raw, normalised = TABLE[name]
    assert omega().tolist() == pytest.approx(raw, abs=6e-7)
    assert weighed(weight.model_copy(update={"normalize": False}), KAPPAS).tolist() == pytest.approx(raw, abs=6e-7)
    assert weighed(weight, KAPPAS).tolist() == pytest.approx(normalised, abs=6e-7)


def test_odd_k_follows_the_equation() -> None:
    """Their code rounds K/2 down, which makes it 0.5 where eq. 6 says 0.807 (K = 7, kappa = 3)."""
    assert weighed(GAIR(lam=0, normalize=False), [3], steps=7).item() == pytest.approx(0.807, abs=5e-4)


SHAPES = [GAIR, GAIRSigmoid, lambda lam: GAIRLinear(), lambda lam: GAIRSteps(values=(3, 1, 0.2), drops=(0.3, 0.8))]


@given(
    shape=st.sampled_from(SHAPES), lam=st.floats(VANISHING, 40), kappa=st.lists(st.integers(0, 10), min_size=1)
)  # fmt: skip
def test_weights_average_one_and_fall_with_kappa(shape: Any, lam: float, kappa: list[int]) -> None:
    weight = weighed(shape(lam=lam), kappa)
    assert weight.mean().item() == pytest.approx(1, rel=1e-5)
    assert (weight[torch.tensor(kappa).argsort()].diff() <= 0).all()


@given(st.floats(VANISHING, 40), st.integers(0, 10), st.integers(1, 64))
def test_where_all_are_alike_all_count_alike(lam: float, kappa: int, size: int) -> None:
    """The tanh as written gives 0/0 in single precision where all are robust, from lambda = -5 on."""
    for shape in (GAIR, GAIRSigmoid):
        assert weighed(shape(lam=lam), [kappa] * size).tolist() == pytest.approx([1] * size, rel=1e-5)


def test_weights_that_have_all_vanished_count_alike() -> None:
    assert mean_one(torch.zeros(4)).tolist() == [1, 1, 1, 1]
    assert mean_one(torch.tensor([0.0, 1.0, 3.0])).tolist() == [0, 0.75, 2.25]
    assert weighed(GAIRSteps(values=(1, 0), drops=(0.5,)), [9, 7]).tolist() == [1, 1]


def test_an_infinite_lambda_is_the_unweighted_mean_bit_for_bit() -> None:
    at = step(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), [0, 1, 2, 0, 1], kappa=KAPPAS)
    for shape in (GAIR, GAIRSigmoid):
        assert shape(lam=float("inf"), burn_in=0).at(7, 10) == Uniform()
    plain = cross_entropy(at.robust, at.batch.y).mean()
    assert torch.equal(CrossEntropy()(at, at.batch.y, Uniform()(at, at.batch.y)).mean(), plain)
    weight = GAIR(lam=1e3)(at, at.batch.y)  # so large that it is no different
    assert torch.equal(CrossEntropy()(at, at.batch.y, weight).mean(), plain)


@pytest.mark.parametrize("steps", [3, 7, 10, 20, 25, 50])
def test_the_steps_of_omega_3_begin_at_their_thresholds(steps: int) -> None:
    """values[i] from kappa/K = drops[i-1] on, whatever k/K is when rounded."""
    values = tuple(float(steps - i) for i in range(steps))
    weight = GAIRSteps(values=values, drops=tuple(i / steps for i in range(1, steps)), normalize=False)
    assert weighed(weight, list(range(steps + 1)), steps).tolist() == [*values, values[-1]]
    reciprocal = torch.tensor(1 / steps)  # so a GPU divides by a number
    assert weight.omega(torch.arange(steps + 1) * reciprocal, steps).tolist() == [*values, values[-1]]


def test_three_steps_of_omega_3() -> None:
    weight = GAIRSteps(values=(1, 0.5, 0.1), drops=(0.3, 0.75), normalize=False)
    assert weighed(weight, list(range(11))).tolist() == pytest.approx([1] * 3 + [0.5] * 5 + [0.1] * 3)
    mean = (3 * 1 + 5 * 0.5 + 3 * 0.1) / 11
    scaled = weighed(weight.model_copy(update={"normalize": True}), list(range(11)))
    assert scaled[[0, 3, 8]].tolist() == pytest.approx([1 / mean, 0.5 / mean, 0.1 / mean])


def test_a_step_of_gairat_by_hand() -> None:
    """sum_i omega_i CE_i / sum_j omega_j over the adversaries that were counted on; Zhang et al. 2021, Alg. 2."""
    net, attack = steep(), PGD(epsilon=0.1, steps=4)
    batch = labelled(net, 20)
    adversary = attack(net, batch, seeded())
    assert adversary.kappa is not None and adversary.kappa.unique().numel() > 2
    omega = (1 + torch.tanh(5 * (1 - 2 * adversary.kappa / 4))) / 2
    expected = (omega * cross_entropy(net(adversary.x), batch.y)).sum() / omega.sum()
    [(loss, columns)] = list(Method(attack=attack, weight=GAIR(burn_in=0)).losses(net, batch, seeded()))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(columns["weight"], omega * 20 / omega.sum())


def test_a_step_of_gair_trades_by_hand() -> None:
    """The weights act on the clean term, and the divergence is a mean, where Alg. 5 prints a sum."""
    net, attack = steep(), PGD(epsilon=0.1, steps=4, start="normal", ascend="kl")
    batch = labelled(net, 20)
    adversary = attack(net, batch, seeded())
    assert adversary.kappa is not None
    omega = (1 + torch.tanh(-1 + 5 * (1 - 2 * adversary.kappa / 4))) / 2
    clean, robust = net(batch.x), net(adversary.x)
    divergence = functional.kl_div(robust.log_softmax(1), clean.softmax(1), reduction="batchmean")
    expected = (omega * cross_entropy(clean, batch.y)).sum() / omega.sum() + 6 * divergence
    method = Method(attack=attack, loss=TRADES(beta=6), weight=GAIR(lam=-1, burn_in=0))
    [(loss, _)] = list(method.losses(net, batch, seeded()))
    torch.testing.assert_close(loss, expected)


# Probability and confidence


def test_the_probability_of_the_label_on_the_adversary() -> None:
    """Liu et al. 2021, sec. 6.1: p(x')_y over the batch's mean of it."""
    robust = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]).log().requires_grad_()
    clean = torch.tensor([[0.1, 0.8, 0.1], [0.2, 0.6, 0.2]]).log()
    at = step(robust, [1, 0], clean)
    expected = {
        ("robust", "label"): (0.3, 0.6), ("robust", "top"): (0.5, 0.6),
        ("clean", "label"): (0.8, 0.2), ("clean", "top"): (0.8, 0.6),
    }  # fmt: skip
    for (of, which), (one, other) in expected.items():
        weight = Probability(of=of, which=which)(at, at.batch.y)  # type: ignore[arg-type]
        mean = (one + other) / 2
        assert weight.tolist() == pytest.approx([one / mean, other / mean])
        assert not weight.requires_grad
    assert Probability(of="clean").needs_clean and not Probability().needs_clean


def test_the_size_of_the_loss_by_hand() -> None:
    """exp(tilt CE) is p_y to the power -tilt, over the batch's mean of it."""
    at = step(torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.25, 0.25, 0.5]]).log().requires_grad_(), [0, 2, 1])
    powers = {1.0: (2, 10, 4), -1.0: (0.5, 0.1, 0.25), 2.0: (4, 100, 16), 0.5: (2**0.5, 10**0.5, 2)}
    for tilt, raw in powers.items():
        weight = LossSize(tilt=tilt)(at, at.batch.y)
        assert weight.tolist() == pytest.approx([3 * each / sum(raw) for each in raw])
        assert not weight.requires_grad
    assert not LossSize().needs_clean


LOGITS = st.lists(st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=3), min_size=1, max_size=8)


@given(LOGITS, st.floats(-MOST_TILT, MOST_TILT))
def test_weights_by_loss_average_one_and_go_with_the_loss(logits: list[list[float]], tilt: float) -> None:
    """Large losses count more above 0, less below; and whatever a constant adds to every logit."""
    at = step(torch.tensor(logits, dtype=torch.float64), [1] * len(logits))
    weight, loss = LossSize(tilt=tilt)(at, at.batch.y), cross_entropy(at.robust, at.batch.y)
    assert weight.mean().item() == pytest.approx(1)
    assert (weight[loss.argsort()].diff() * tilt >= 0).all()
    torch.testing.assert_close(LossSize(tilt=tilt)(at._replace(robust=at.robust + 3), at.batch.y), weight)


@given(LOGITS)
def test_a_tilt_of_minus_one_is_the_probability_of_the_label(logits: list[list[float]]) -> None:
    at = step(torch.tensor(logits, dtype=torch.float64), [1] * len(logits))
    torch.testing.assert_close(LossSize(tilt=-1)(at, at.batch.y), Probability()(at, at.batch.y))


@given(LOGITS, st.floats(-5, 5).filter(lambda tilt: abs(tilt) > 0.01))
def test_the_gradient_is_that_of_the_tilted_risk(logits: list[list[float]], tilt: float) -> None:
    """log(mean exp(tilt CE)) / tilt; Li et al. 2021, Lemma 1."""
    robust = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    at = step(robust, [1] * len(logits))
    CrossEntropy()(at, at.batch.y, LossSize(tilt=tilt)(at, at.batch.y)).mean().backward()
    again = robust.detach().clone().requires_grad_()
    risk = ((tilt * cross_entropy(again, at.batch.y)).logsumexp(0) - math.log(len(logits))) / tilt
    risk.backward()
    torch.testing.assert_close(robust.grad, again.grad)


def test_a_tilt_of_0_is_the_unweighted_mean_and_a_tilt_in_time_passes_it() -> None:
    assert LossSize(tilt=0, burn_in=0).at(7, 10) == Uniform()
    steps = LossSize(tilt=Piecewise(values=(1, 0, -1), drops=(4, 8)), burn_in=2)
    acting = [steps.at(epoch, 10) for epoch in range(10)]
    assert [getattr(weight, "tilt", 0) for weight in acting] == [0, 0, 1, 1, 0, 0, 0, 0, -1, -1]
    assert {weight for weight in acting if isinstance(weight, Uniform)} == {Uniform()}


def test_the_confidence_of_a_target() -> None:
    """Huang et al. 2020, eq. 5: the largest entry of the target, whichever class it is."""
    at = step(torch.zeros(2, 3), [0, 1])
    weight = Confidence()(at, torch.tensor([[0.2, 0.6, 0.2], [0.0, 1.0, 0.0]]))
    assert weight.tolist() == pytest.approx([0.75, 1.25])
    assert Confidence()(at, torch.eye(3)[:2]).tolist() == [1, 1]  # labels: as without


def test_gradients_do_not_flow_through_weights() -> None:
    """d/dz of w CE is w (p - 1_y), with w a number."""
    robust = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    at = step(robust, [1, 0])
    weight = Probability()(at, at.batch.y)
    CrossEntropy()(at, at.batch.y, weight).sum().backward()
    p = robust.detach().softmax(1)
    torch.testing.assert_close(robust.grad, weight[:, None] * (p - torch.eye(3)[[1, 0]]))


@pytest.mark.parametrize("of", ["robust", "clean"])
def test_asked_to_gradients_flow_through_a_probability(of: Any) -> None:
    """d/dz of (w CE) summed is w (p - 1_y), and of the weights besides: what their code for fine-tuning does."""
    rng = torch.Generator().manual_seed(0)
    robust, clean = (torch.randn(4, 3, generator=rng).requires_grad_() for _ in range(2))
    at = step(robust, [1, 0, 2, 2], clean)
    weight = Probability(of=of, which="top", detach=False)(at, at.batch.y)
    CrossEntropy()(at, at.batch.y, weight).sum().backward()
    ce = torch.nn.functional.cross_entropy(robust, at.batch.y, reduction="none").detach()
    logits = (robust if of == "robust" else clean).detach().requires_grad_()
    top = logits.softmax(1).amax(1)
    (4 * (top * ce).sum() / top.sum()).backward()
    through = {"robust": torch.zeros(4, 3), "clean": torch.zeros(4, 3)} | {of: logits.grad}
    direct = weight.detach()[:, None] * (robust.detach().softmax(1) - torch.eye(3)[at.batch.y])
    torch.testing.assert_close(robust.grad, direct + through["robust"])
    assert (clean.grad is None) == (of == "robust")
    if clean.grad is not None:
        torch.testing.assert_close(clean.grad, through["clean"])


def test_gradients_through_a_weight_go_back_through_the_clean_forward_and_not_with_awp() -> None:
    knobs = {"name": "probability", "of": "clean", "which": "top"}
    graphs = [Method.model_validate({"weight": knobs | {"detach": detach}}).graphs for detach in (True, False)]
    assert graphs == [1, 2]
    with pytest.raises(ValidationError, match="take detach: true, or no awp"):
        Method.model_validate({"weight": knobs | {"detach": False}, "awp": {}})


# When they act


@pytest.mark.parametrize(
    ("row", "epochs", "first"),
    [
        ("gairat", 120, 60), ("gairat", 100, 50), ("gair-fat", 120, 60), ("gair-trades", 100, 75),
        ("gair-mart", 120, 75), ("atta-reweight", 38, 5), ("finetune-reweight", 5, 0), ("self-adaptive", 100, 70),
    ],
)  # fmt: skip
def test_the_first_epoch_with_weights(row: str, epochs: int, first: int) -> None:
    stages = [METHODS[row].at(epoch, epochs) for epoch in range(epochs)]
    assert [isinstance(stage.weight, Uniform) for stage in stages] == [True] * first + [False] * (epochs - first)


def test_lambda_in_time() -> None:
    """Their code's linear schedule, which is not a number as its start is infinite, and its piecewise one."""
    line = GAIR(lam=Line(start=100, end=-1), burn_in=0)
    assert [line.at(epoch, 100).lam for epoch in (0, 50, 99)] == pytest.approx([100, 49.5, 0.01])
    steps = GAIR(lam=Piecewise(values=(0, -1, -1.5), drops=(89, 109)), burn_in=59)
    acting = {epoch: steps.at(epoch - 1, 120) for epoch in (59, 60, 89, 90, 109, 110)}
    assert acting.pop(59) == Uniform()
    assert {epoch: at.lam for epoch, at in acting.items()} == {60: 0, 89: 0, 90: -1, 109: -1, 110: -1.5}
    assert {at.burn_in for at in acting.values()} == {0}


# Refusals


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: GAIR(lam=-41), "vanish in single precision; take at least -40"),
        (lambda: GAIR(lam=Line(start=0, end=-50)), "lam -50"),
        (lambda: GAIR(lam=float("-inf")), "finite"),
        (lambda: GAIRSteps(values=(1, 0.5), drops=(0.3, 0.6)), "one value more than drops"),
        (lambda: GAIRSteps(values=(1, 0.5, 0.1), drops=(0.6, 0.3)), "increasing drops"),
        (lambda: GAIRSteps(values=(1, 0.2, 0.3), drops=(0.3, 0.6)), "values must not rise"),
        (lambda: GAIRSteps(values=(0, 0), drops=(0.5,)), "at least one value above 0"),
        (lambda: GAIRSteps(values=(1, -1), drops=(0.5,)), "greater than or equal to 0"),
        (lambda: Method(attack=PGD(steps=1), weight=GAIR()), "take 2 or more, got 1"),
        (lambda: Method(weight=Confidence()), "a label's is always 1"),
        (lambda: LossSize(tilt=41), "tilt 41 leaves one example of a batch nearly all the weight; take -40 to 40"),
        (lambda: LossSize(tilt=Line(start=1, end=-50)), "tilt -50"),
    ],
)
def test_wrong_weights_are_refused(make: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        make()


@pytest.mark.parametrize("attack", ["none", "iat"])
def test_geometry_needs_an_attack_that_counts(attack: str) -> None:
    with pytest.raises(ValidationError, match=f"attack {attack} counts none; take attack"):
        Method.model_validate({"attack": {"name": attack}, "weight": {"name": "gair"}})
    with pytest.raises(TypeError, match="counts its steps"):
        GAIR()(step(torch.zeros(1, 2), [0]), None)  # type: ignore[arg-type]
