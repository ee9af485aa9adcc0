"""Single-step methods, step by step against what their authors' code computes, in float64."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from trainers.attacks import PGD, Guide
from trainers.balls import draw_noise
from trainers.losses import apart
from trainers.method import Method
from trainers.methods import METHODS
from trainers.models import MLP, DigitsCNN, build_network
from trainers.schedules import Line
from trainers.starts import COLUMN, DIRECTIONS, Previous, Scaled
from trainers.step import Batch, Net

from .helpers import composed, images, seeded, steep

EPSILON, RATE = 0.1, 1e-4
Logits = Callable[[Tensor], Tensor]


class Visit(NamedTuple):
    """What the authors' code has of a batch: its adversary and the loss that is minimised."""

    x: Tensor
    loss: Tensor


def network(model: Any) -> Net:
    return Net(build_network(model, 1, 8, 4, (0.5,), (0.05,), seed=1).double().train())


def remembered(count: int = 12) -> Batch:
    batch = images(count)
    return batch._replace(x=batch.x.double())


def at(name: str, epoch: int = 98) -> Method:
    """Return a row with the budget of this module, as it acts in an epoch of 100."""
    method = composed(METHODS[name].at(epoch, 100))
    assert isinstance(method.attack, PGD)
    return method.model_copy(update={"attack": method.attack.model_copy(update={"epsilon": EPSILON})})


def logits_of(module: Any) -> Logits:
    return lambda x: module.features_and_logits(x)[1]  # type: ignore[no-any-return]


def slope(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    return gradient


def update(module: nn.Module, loss: Tensor) -> None:
    module.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= RATE * parameter.grad  # type: ignore[operator]


def compare(
    method: Method, net: Net, batch: Batch, expected: Callable[[Any], Visit], seed: int, atol: float = 1e-12
) -> None:
    """Fail unless an update has the adversary, the loss and the weights of a formula on a copy of the network."""
    other = deepcopy(net.module)
    x = method.attack(net, batch._replace(state=deepcopy(batch.state)), seeded(seed)).x
    ((loss, _),) = method.losses(net, batch, seeded(seed))
    visit = expected(other)
    torch.testing.assert_close(x, visit.x, rtol=0, atol=atol)
    torch.testing.assert_close(loss, visit.loss, rtol=10 * atol, atol=100 * atol)
    update(net.module, loss)
    update(other, visit.loss)
    for parameter, other_parameter in zip(net.module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter, other_parameter, rtol=10 * atol, atol=100 * atol)


def test_n_fgsm_takes_a_step_from_wide_noise_and_does_not_project() -> None:
    """Algorithm 1 of de Jorge et al. 2022 and their train.py: k = 2, alpha = epsilon, BN in train mode throughout."""
    net, batch = network(DigitsCNN()), remembered()
    ce = functional.cross_entropy

    def published(module: Any) -> Visit:
        f = logits_of(module)
        eta = draw_noise("uniform", batch.x, 2 * EPSILON, "linf", seeded(3))
        eta = torch.clamp(eta, -batch.x, 1 - batch.x)
        delta = eta + EPSILON * slope(lambda eta: ce(f(batch.x + eta), batch.y), eta).sign()
        x = batch.x + torch.clamp(delta, -batch.x, 1 - batch.x)
        return Visit(x, ce(f(x), batch.y))

    compare(at("n-fgsm"), net, batch, published, seed=3)
    x = at("n-fgsm").attack(net, batch, seeded(3)).x
    far = (x - batch.x).abs()
    assert 2 * EPSILON < far.max() <= 3 * EPSILON + 1e-6 and 0 <= x.min() <= x.max() <= 1


@pytest.mark.parametrize("number", [0, 1], ids=["first batch", "second batch"])
@pytest.mark.parametrize(("name", "weight"), [("gat", 40.0), ("nuat", 4.5)])
def test_gat_and_nuat_climb_and_minimise_the_same_term(name: str, weight: float, number: int) -> None:
    """The released code of Sriramanan et al. 2020 and 2021: every second batch of an epoch is guided."""
    net, batch = network(MLP(hidden=(16,))), remembered()._replace(number=number)
    ce = functional.cross_entropy

    def term(clean: Tensor, other: Tensor) -> Tensor:
        if name == "gat":
            return ((clean.softmax(1) - other.softmax(1)) ** 2).sum(1).mean(0)
        return torch.linalg.svdvals(clean - other).sum() / len(clean)

    def published(module: Any) -> Visit:
        f, x, y = logits_of(module), batch.x, batch.y
        sign = (0.5 - torch.rand(x.shape, generator=seeded(4))).sign()
        noisy = torch.clamp(x + EPSILON / 2 * sign, 0, 1)
        clean = f(x).detach()
        guide = weight if number % 2 else 0.0
        point = noisy + EPSILON * slope(lambda x: ce(f(x), y) + guide * term(clean, f(x)), noisy).sign()
        point = torch.clamp(x + torch.clamp(torch.clamp(point, 0, 1) - x, -EPSILON, EPSILON), 0, 1)
        return Visit(point, ce(f(x), y) + weight * term(f(x), f(point)))

    compare(at(name), net, batch, published, seed=4)


@pytest.mark.parametrize(("model", "count"), [(MLP(hidden=(16,)), 1), (DigitsCNN(), 12)], ids=["one", "batch"])
def test_prior_guided_starts_remember_the_gradients_of_all_epochs(model: Any, count: int) -> None:
    """FGSM_MEP.py of Jia et al. 2022; with one example its norm over the batch is the paper's of the example."""
    net, batch = network(model), remembered(count)
    ce, kept = functional.cross_entropy, {}
    kept["delta"] = draw_noise("bernoulli", batch.x, EPSILON, "linf", seeded(5)).float()
    kept["momentum"] = torch.zeros_like(kept["delta"])

    def published(module: Any) -> Visit:
        f, x, y = logits_of(module), batch.x, batch.y
        start = torch.clamp(x + kept["delta"], 0, 1)
        g = slope(lambda start: ce(f(start), y), start)
        kept["momentum"] = (0.3 * kept["momentum"] + g / g.flatten(1).norm(p=1, dim=1).view(-1, 1, 1, 1)).float()

        def step(direction: Tensor) -> Tensor:
            delta = torch.clamp(start - x + EPSILON * direction.sign(), -EPSILON, EPSILON)
            return torch.clamp(delta, -x, 1 - x)

        kept["delta"] = step(kept["momentum"]).float()
        point = x + step(g)
        outputs = f(point), f(start)
        return Visit(point, ce(outputs[0], y) + 10 * functional.mse_loss(*outputs))

    for epoch in (0, 1, 2):
        compare(at("fgsm-pgi", epoch), net, batch, published, seed=5, atol=1e-8)  # offsets are kept in float32
        assert batch.state is not None
        torch.testing.assert_close(batch.state.columns[COLUMN], kept["delta"], rtol=0, atol=1e-7)
        torch.testing.assert_close(batch.state.columns[DIRECTIONS], kept["momentum"], rtol=1e-5, atol=1e-9)


def test_without_momentum_the_adversary_itself_is_where_the_next_epoch_begins() -> None:
    """FGSM-EP: with momentum 0 the step along the running gradient is the adversary's own."""
    kept = []
    for momentum in (0.0, None):
        net, batch = steep(), images()
        attack = PGD(epsilon=EPSILON, steps=1, step_size="epsilon", start=Previous(momentum=momentum, reset_every=1))
        end = attack(net, batch, seeded()).x - batch.x
        assert batch.state is not None
        torch.testing.assert_close(batch.state.columns[COLUMN], end)
        kept.append(end)
    assert torch.equal(*kept)


def test_a_reset_forgets_the_running_gradients_too() -> None:
    net, batch = steep(), images()
    attack = PGD(epsilon=EPSILON, steps=1, start=Previous(momentum=0.9, reset_every=1))
    attack(net, batch, seeded())
    assert batch.state is not None
    first = batch.state.columns[DIRECTIONS].clone()
    assert torch.allclose(first.abs().sum((1, 2, 3)), torch.ones(12))
    attack(net, batch, seeded())
    assert torch.equal(batch.state.columns[DIRECTIONS], first)


# Pieces


def test_weights_of_the_guides_over_the_epochs() -> None:
    """GAT: 10, and 40 after the 86th of 100 epochs; NuAT: from 0 in steps of 4.5 / 90 to 4.5, as their loops count."""
    nuat, expected, weight = [], [], 0.0
    for epoch in range(100):
        nuat.append(composed(METHODS["nuat"].at(epoch, 100)).loss.beta)  # type: ignore[union-attr]
        expected.append(weight)
        weight += 4.5 / 90 if epoch < 90 else 0.0
    assert nuat == pytest.approx(expected)
    gat = [composed(METHODS["gat"].at(epoch, 100)) for epoch in (0, 85, 86, 99)]
    assert [method.loss.beta for method in gat] == [10, 10, 40, 40]  # type: ignore[union-attr]
    assert [method.attack.guide.beta for method in gat] == [10, 10, 40, 40]  # type: ignore[union-attr]


@given(start=st.floats(0, 5), end=st.floats(0, 5), by=st.floats(0.1, 1), epochs=st.integers(2, 200))
def test_a_line_reaches_its_end_by_a_share_of_the_epochs_and_stays(
    start: float, end: float, by: float, epochs: int
) -> None:
    line = Line(start=start, end=end, by=by)
    assert line.value(0, epochs) == start
    assert line.value(by * epochs / 2, epochs) == pytest.approx((start + end) / 2)
    assert line.value(by * epochs, epochs) == pytest.approx(end) and line.value(epochs, epochs) == pytest.approx(end)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_bernoulli_noise_lies_on_the_edge_of_the_ball(norm: Any) -> None:
    noise = draw_noise("bernoulli", torch.zeros(500, 1, 8, 8), 0.2, norm, seeded())
    size = noise.abs().flatten(1) if norm == "linf" else noise.flatten(1).norm(dim=1)
    torch.testing.assert_close(size, torch.full_like(size, 0.2))
    assert abs(noise.sign().mean().item()) < 4 / (500 * 64) ** 0.5


def test_scaled_noise_is_that_of_a_ball_so_many_times_larger() -> None:
    batch = images()
    wide = PGD(steps=0, epsilon=0.01, start=Scaled(noise="uniform", times=3), project=False)(steep(), batch, seeded()).x
    plain = PGD(steps=0, epsilon=0.03, start="uniform")(steep(), batch, seeded()).x
    torch.testing.assert_close(wide, plain)
    clipped = PGD(steps=0, epsilon=0.01, start=Scaled(times=3))(steep(), batch, seeded()).x
    torch.testing.assert_close(clipped, wide.clamp((batch.x - 0.01).clamp_min(0), (batch.x + 0.01).clamp_max(1)))


def test_nuclear_distance_by_hand() -> None:
    """Rows 3 e1 and 4 e2 have singular values 3 and 4; of rank one it is the Frobenius norm."""
    zero = torch.zeros(2, 3)
    assert apart("nuclear", zero, torch.tensor([[3.0, 0, 0], [0, 4.0, 0]])).tolist() == pytest.approx([3.5, 3.5])
    assert apart("nuclear", zero, torch.tensor([[3.0, 0, 0], [4.0, 0, 0]])).tolist() == pytest.approx([2.5, 2.5])
    sure = torch.tensor([[200.0, 0, 0], [0, 0, 0]])
    assert apart("l2", sure, sure.flip(1)).tolist() == pytest.approx([2, 0])


@pytest.mark.parametrize(
    ("knobs", "complaint"),
    [
        ({"start": Previous(momentum=0.3)}, "take steps: 1 and keep: last"),
        ({"start": Previous(momentum=0.3), "steps": 1, "keep": "worst"}, "take steps: 1 and keep: last"),
        ({"guide": Guide(), "ascend": "margin"}, "take ascend: ce, a start, no toward"),
        ({"guide": Guide(), "start": "none"}, "take ascend: ce, a start, no toward"),
    ],
)
def test_attacks_that_contradict_themselves_are_refused(knobs: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PGD(**knobs)


@pytest.mark.parametrize("attack", [{"name": "none"}, {"name": "iat"}, {"steps": 0}, {"restarts": 2}], ids=str)
def test_a_loss_that_compares_with_the_start_needs_one(attack: Any) -> None:
    with pytest.raises(ValidationError, match="with the one start of its attack"):
        Method.model_validate({"attack": {"name": "pgd"} | attack, "loss": {"name": "ce-prior"}})


def test_spared_examples_are_compared_with_themselves() -> None:
    """An example without an attack has the image as its adversary, and nothing to compare."""
    net, batch = network(MLP(hidden=(16,))), remembered()
    spared = batch._replace(spared=torch.ones(12, dtype=torch.bool))
    ((loss, _),) = at("fgsm-pgi", 0).losses(net, spared, seeded())
    torch.testing.assert_close(loss, functional.cross_entropy(net(batch.x), batch.y))


# Input gradients


@pytest.mark.parametrize("knobs", [{"steps": 3}, {"steps": 3, "tau": 0}, {"steps": 3, "restarts": 2}], ids=str)
def test_the_recorded_gradient_norm_is_that_of_the_loss_where_the_attack_begins(linear: Any, knobs: Any) -> None:
    """The score of EasyCore: of a linear network's CE it is |W' (p - 1_y)|, here on the image itself."""
    weight = torch.randn(4, 64, generator=seeded(2))
    net, batch = linear(weight), images()
    found = PGD(epsilon=EPSILON, start="none", **knobs)(net, batch, seeded())
    with torch.no_grad():
        error = net(batch.x).softmax(1) - functional.one_hot(batch.y, 4)
    assert found.gradient_norm is not None and found.start is not None
    torch.testing.assert_close(found.gradient_norm, (error @ weight).norm(dim=1), rtol=1e-4, atol=1e-6)
    assert torch.equal(found.start, batch.x)
