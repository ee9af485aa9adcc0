"""Least perturbations: closed forms on linear networks, bounds, and what happens at both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Generator, Tensor, nn

from trainers.data import Split, to_pixels
from trainers.losses import cross_entropy
from trainers.min_perturbation import MinimumPerturbation
from trainers.models import MLP, DigitsCNN, build_network
from trainers.step import Net

STEP = 1 / 255
GIVEN: dict[str, Any] = {"label": "given"}
both = pytest.mark.parametrize("variant", ["iterative", "single"])
Linear = Callable[..., Net]


class Watched(Net):
    """A network that keeps the inputs it was given."""

    def __init__(self, net: Net) -> None:
        super().__init__(net.module)
        self.seen: list[Tensor] = []

    def _pass(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(x.detach().clone())
        return super()._pass(x)


def split(levels: list[list[int]], y: list[int]) -> Split:
    """Return images of 1 x n pixels by their grey levels of 256."""
    return Split(torch.tensor(levels, dtype=torch.uint8)[:, None, None], torch.tensor(y))


def steep(count: int) -> tuple[Net, Split]:
    """Return an MLP of 4 classes whose predictions change within few steps, and images mostly labelled as it does."""
    net = Net(build_network(MLP(hidden=(16,)), 1, 8, 4, (0.5,), (0.2,), seed=1).eval())
    x = torch.randint(256, (count, 1, 8, 8), generator=Generator().manual_seed(0), dtype=torch.uint8)
    with torch.no_grad():
        y = net(to_pixels(x)).argmax(1)
    y[::7] = (y[::7] + 1) % 4
    return net, Split(x, y)


def alone(net: Net, knobs: MinimumPerturbation, x: Tensor, y: Tensor) -> float:
    """Compute the definition, for one example."""
    point, sign = x, None
    if knobs.label == "predicted":
        y = net(x).argmax(1).detach()
    for _ in range(round(knobs.limit / knobs.step) + 1):
        leaf = point.clone().requires_grad_()
        logits = net(leaf)
        if logits.argmax(1) != y:
            return float((point - x).abs().max())
        if sign is None or knobs.variant == "iterative":
            sign = torch.autograd.grad(cross_entropy(logits, y).sum(), leaf)[0].sign()
        point = (point + knobs.step * sign).clamp(0, 1)
    return knobs.limit + knobs.step


@both
def test_on_a_linear_network_the_radius_is_the_distance_in_whole_steps(linear: Linear, variant: Any) -> None:
    """The margin is 3a - b - 200 in 255ths, |w|_1 = 4: each step takes 4 of it."""
    net = linear(torch.tensor([[0.0, 0.0], [3.0, -1.0]]), torch.tensor([0.0, -200 / 255]))
    data = split([[100, 90], [100, 91], [100, 99], [100, 81]], [1, 1, 1, 1])  # margins 10, 9, 1, 19
    radii = MinimumPerturbation(variant=variant).measure(net, data)
    assert radii.dtype == np.float32
    assert radii == pytest.approx(np.array([3, 3, 1, 5]) * STEP, abs=1e-7)


@pytest.mark.long
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(["iterative", "single"]))
def test_the_radius_is_not_below_the_exact_distance_and_less_than_a_step_above(
    linear: Linear, seed: int, variant: Any
) -> None:
    """Of a linear network of two classes: |margin| / |w1 - w0|_1. No pixel comes to 0 or 1 here."""
    rng = Generator().manual_seed(seed)
    weight = torch.randn(2, 6, generator=rng)
    slope = weight[1] - weight[0]
    x = torch.randint(50, 206, (20, 1, 1, 6), generator=rng, dtype=torch.uint8)
    net = linear(weight, torch.stack([slope.sum() / 2, torch.zeros(())]))
    with torch.no_grad():
        logits = net(to_pixels(x))
    exact = ((logits[:, 1] - logits[:, 0]).abs() / slope.abs().sum()).numpy()
    radii = MinimumPerturbation(variant=variant, limit=49 / 255).measure(net, Split(x, logits.argmax(1)))
    assert (radii >= np.minimum(exact, 50 / 255) - 1e-6).all()
    assert (radii <= exact + STEP + 1e-6).all()


@both
def test_misclassified_example_has_radius_0(linear: Linear, variant: Any) -> None:
    net = linear(torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, -0.5]))
    data = split([[128], [127]], [0, 1])
    assert MinimumPerturbation(variant=variant, label="given").measure(net, data).tolist() == [0, 0]


@both
def test_radius_to_a_changed_prediction_is_measured_for_errors_too(linear: Linear, variant: Any) -> None:
    """128 is predicted as 1, 127 as 0, whatever the labels say: each lies half a level from 127.5, one step away."""
    net = linear(torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, -0.5]))
    for labels in ([0, 1], [1, 0]):
        radii = MinimumPerturbation(variant=variant).measure(net, split([[128], [127]], labels))
        assert radii == pytest.approx([STEP, STEP], abs=1e-7)


def test_radii_by_predicted_and_given_label_agree_on_correct_examples() -> None:
    net, data = steep(100)
    predicted, given = (MinimumPerturbation(label=label).measure(net, data) for label in ("predicted", "given"))
    with torch.no_grad():
        right = (net(to_pixels(data.x)).argmax(1) == data.y).numpy()
    assert 0 < right.mean() < 1
    np.testing.assert_array_equal(predicted[right], given[right])
    assert (predicted[~right] > 0).all() and not given[~right].any()


@both
def test_example_that_never_flips_has_a_radius_one_step_beyond_the_limit(linear: Linear, variant: Any) -> None:
    net = linear(torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, -0.5]))
    data = split([[131], [132], [133], [255]], [1] * 4)  # 3.5, 4.5, 5.5 and 127.5 levels above the boundary
    radii = MinimumPerturbation(variant=variant, limit=5 / 255).measure(net, data)
    assert radii == pytest.approx(np.array([4, 5, 6, 6]) * STEP, abs=1e-7)
    assert radii[1] < radii[2] == radii[3]


@both
def test_where_the_network_has_no_answer_the_path_ends(linear: Linear, variant: Any) -> None:
    """Of class 0, to which argmax would give a network that answers NaN; the first pixel falls by two levels."""
    net = linear(torch.tensor([[1.0], [0.0]]), torch.tensor([0.0, -9.0]))
    silent = net.module.head.register_forward_hook(
        lambda head, given, answer: answer + torch.where(given[0] < 126.5 / 255, torch.nan, 0.0)
    )
    assert MinimumPerturbation(variant=variant).measure(net, split([[128]], [0])) == pytest.approx([2 * STEP])
    silent.remove()


@both
def test_a_path_stays_within_the_range_of_pixels(linear: Linear, variant: Any) -> None:
    """The first pixel can fall by two levels only: 2 + 105 - 2 - 5 = 100 is the first below 100.5."""
    net = Watched(linear(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([0.0, -100.5 / 255])))
    assert MinimumPerturbation(variant=variant).measure(net, split([[2, 105]], [1])) == pytest.approx([5 * STEP])
    assert len(net.seen) == 1 + 6  # what is predicted, and the points of the path
    assert all(x.min() >= 0 for x in net.seen)


@both
@pytest.mark.parametrize("label", ["predicted", "given"])
def test_a_batch_is_measured_as_each_example_alone(variant: Any, label: Any) -> None:
    net, data = steep(40)
    knobs = MinimumPerturbation(variant=variant, limit=12 / 255, label=label)
    expected = [alone(net, knobs, x[None], y[None]) for x, y in zip(to_pixels(data.x), data.y, strict=True)]
    assert len({round(radius, 4) for radius in expected}) > 5, "the network is too flat or too steep to tell"
    assert knobs.measure(net, data, batch_size=16) == pytest.approx(expected, abs=1e-5)


def test_search_for_the_radius_continues_only_for_unflipped_examples() -> None:
    net, data = steep(40)
    net = Watched(net)
    radii = MinimumPerturbation(label="given").measure(net, data)
    steps = np.rint(radii / STEP)
    assert [len(x) for x in net.seen] == [(steps >= k).sum() for k in range(int(steps.max()) + 1)]


def test_the_variants_differ_where_the_gradient_turns() -> None:
    net, data = steep(100)
    iterative, single = (MinimumPerturbation(variant=v, **GIVEN).measure(net, data) for v in ("iterative", "single"))
    assert 0 < np.mean(iterative != single) < 1
    assert ((iterative == 0) == (single == 0)).all()
    assert iterative.mean() < single.mean()


def test_equal_numbers_of_steps_are_ties() -> None:
    """Else the rounding of sums would order the thousands of examples within each step."""
    net, data = steep(100)
    radii = MinimumPerturbation().measure(net, data)
    assert len(np.unique(radii)) == len(np.unique(np.rint(radii / STEP)))


def test_a_measurement_leaves_no_trace() -> None:
    """Neither in BN statistics, nor in gradients, nor in the mode."""
    module = build_network(DigitsCNN(), 1, 8, 4, (0.5,), (0.2,), seed=1).train()
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())
    before = {key: value.clone() for key, value in module.state_dict().items()}
    _, data = steep(6)
    MinimumPerturbation(limit=3 / 255).measure(Net(module), data)
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("knobs", "complaint"),
    [
        ({"step": 0}, "greater than 0"),
        ({"limit": 2}, r"limit: is in pixels of \[0, 1\]; got 2: write 2/255"),
        ({"step": 4.0, "limit": 32}, "step: .*write 4/255; limit: .*write 32/255"),
        ({"step": "8/255", "limit": "4/255"}, "`step` is at most `limit`; got step 0.03137 and limit 0.01569"),
        ({"variant": "pgd"}, "'iterative' or 'single'"),
        ({"label": "true"}, "'predicted' or 'given'"),
    ],
)
def test_wrong_knobs_are_refused(knobs: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        MinimumPerturbation.model_validate(knobs)
