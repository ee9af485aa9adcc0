"""Margins found by bisection against exact distances, and which examples count by what."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from trainers.losses import cross_entropy, margin, soft_margin
from trainers.method import Columns
from trainers.mma import COLUMN, HALVINGS, MMA, REACH
from trainers.models import DigitsCNN
from trainers.step import Batch, Net

from .helpers import images, seeded, steep, visit

MakeLinear = Callable[..., Net]


def margins(batch: Batch) -> Tensor:
    assert batch.state is not None
    return batch.state.columns[COLUMN]


def only(method: MMA, net: Net, batch: Batch, seed: int = 0) -> tuple[Tensor, Columns]:
    """Return the one loss of a batch."""
    [(loss, columns)] = list(method.losses(net, batch, seeded(seed)))
    return loss, columns


def half_space(linear: MakeLinear, norm: str, distances: list[float], side: int = 6) -> tuple[Net, Batch]:
    """Return a linear model of two classes and grey images of class 0 at exact distances from its boundary."""
    weight = torch.randn(2, side * side, generator=seeded(3))
    slope = weight[1] - weight[0]
    steepest = slope.sign() if norm == "linf" else slope / slope.norm()
    rate = slope @ steepest  # what the difference of the logits gains per unit of distance
    grey = torch.full((len(distances), side * side), 0.5)
    at = grey - (torch.tensor(distances)[:, None]) * steepest  # the boundary goes through grey
    bias = torch.stack([(weight[1] - weight[0]) @ grey[0], torch.zeros(())])
    assert rate > 0
    return linear(weight, bias), visit(at.view(-1, 1, side, side), [0] * len(distances))


# Distances


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_margins_of_a_linear_model_are_its_distances(linear: MakeLinear, norm: Any) -> None:
    d_max = 0.2 if norm == "linf" else 1.2
    distances = [d_max * share for share in (0.02, 0.1, 0.5, 0.9, 1.04)]
    net, batch = half_space(linear, norm, distances)
    method = MMA(d_max=d_max, least=0.001, norm=norm)
    for seed in range(3):  # the direction is that of PGD within the margin found before
        only(method, net, batch, seed)
    resolution = REACH * d_max / 2**HALVINGS
    assert (margins(batch) >= torch.tensor(distances) - 1e-6).all()  # the first point that is outside
    slack = resolution if norm == "linf" else 0.02 * d_max  # l2 steps do not all go straight
    assert margins(batch).tolist() == pytest.approx(distances, abs=slack)


def test_examples_beyond_the_hinge_count_as_right(linear: MakeLinear) -> None:
    """At the boundary point, where the loss is taken, all are wrong."""
    net, batch = half_space(linear, "linf", [0.02, 0.1, 0.19, 0.3])
    _, columns = only(MMA(d_max=0.2), net, batch)
    assert columns["correct"].tolist() == [False, False, False, True]


@given(distance=st.floats(0.001, 0.3), d_max=st.floats(0.05, 0.3))
@settings(max_examples=25, deadline=None)
def test_beyond_the_hinge_the_margin_is_where_the_search_ends(
    linear: MakeLinear, distance: float, d_max: float
) -> None:
    net = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([1.0, 0.0]))  # class 1 from a pixel of 0.5 on
    batch = visit(torch.full((1, 1, 1, 1), 0.5 - distance), [0])
    only(MMA(d_max=d_max, least=0.001), net, batch)
    expected = min(distance, REACH * d_max)
    assert margins(batch).item() == pytest.approx(expected, abs=REACH * d_max / 2**HALVINGS + 1e-6)


def test_margins_of_the_misclassified_fall_to_the_least(linear: MakeLinear) -> None:
    net, batch = half_space(linear, "linf", [0.05, -0.05])
    assert batch.state is not None
    batch.state.column(COLUMN)[:] = 0.1
    _, columns = only(MMA(least=0.004), net, batch)
    assert margins(batch)[0].item() == pytest.approx(0.05, abs=1e-3)
    assert margins(batch)[1].item() == pytest.approx(0.004)
    assert torch.equal(columns["epsilon"], margins(batch))


# The loss


def test_mma_loss_counts_examples_by_their_margins(linear: MakeLinear) -> None:
    """By hand, of three: within the hinge the CE at the boundary, ln 2; beyond it nothing; misclassified its own CE."""
    d_max = 0.1
    net, batch = half_space(linear, "linf", [0.05, 0.102, -0.02])
    own = cross_entropy(net(batch.x), batch.y).detach()
    for clean in (0.0, 1 / 3, 1.0):
        loss, _ = only(MMA(d_max=d_max, clean=clean), net, batch)
        hinged = (torch.tensor(2.0).log() + 0 + own[2]) / 3
        assert loss.item() == pytest.approx((1 - clean) * hinged.item() + clean * own.mean().item(), abs=0.01)
    alone, _ = only(MMA(d_max=d_max, clean=1.0), net, batch)
    torch.testing.assert_close(alone, own.mean())  # all of it: standard training


def test_the_gradient_pushes_the_boundary_away(linear: MakeLinear) -> None:
    """Of a right example the margin grows with a step down the loss, though its own CE has no say (clean: 0)."""
    net, batch = half_space(linear, "linf", [0.05])
    loss, _ = only(MMA(d_max=0.2, clean=0.0), net, batch)
    before = margins(batch).item()
    loss.backward()
    with torch.no_grad():
        for parameter in net.module.parameters():
            parameter -= 0.02 * parameter.grad
    only(MMA(d_max=0.2), net, batch)
    assert margins(batch).item() > before


def test_beyond_the_hinge_there_is_no_gradient(linear: MakeLinear) -> None:
    net, batch = half_space(linear, "linf", [0.15, 0.3])
    loss, _ = only(MMA(d_max=0.1, clean=0.0), net, batch)
    loss.backward()
    assert loss == 0 and not any(p.grad.any() for p in net.module.parameters() if p.grad is not None)


def test_the_search_costs_what_it_looks_at_and_leaves_statistics_alone() -> None:
    net, batch = steep(DigitsCNN()), images()
    net.module.train()
    norms = [m for m in net.module.modules() if isinstance(m, nn.BatchNorm2d)]
    loss, _ = only(MMA(steps=7), net, batch)
    assert (net.forwards, net.backwards) == (12 * (7 + HALVINGS + 2), 12 * 7)
    assert {int(m.num_batches_tracked) for m in norms} == {2}  # type: ignore[arg-type]  # the image and the boundary point
    assert net.module.training and loss.requires_grad


# The gate: p_y > 1/2, which is less often so than that y is the likeliest class


def three_classes(linear: MakeLinear, slope: float = 10.0) -> Net:
    """Return a network of logits (slope (x - 1/2), 0, 0), x one pixel: p_0 = 1/2 at x = 1/2 + ln 2 / slope."""
    return linear(torch.tensor([[slope], [0.0], [0.0]]), torch.tensor([-slope / 2, 0.0, 0.0]))


def test_the_soft_margin_in_numbers() -> None:
    logits, y = torch.tensor([[0.5, 0.0, 0.0], [3.0, 0.0, 1.0], [0.2, 0.0, -9.0]]), torch.tensor([0, 0, 1])
    expected = [math.log(2) - 0.5, math.log(1 + math.e) - 3, math.log(math.exp(0.2) + math.exp(-9))]
    assert soft_margin(logits, y).tolist() == pytest.approx(expected, abs=1e-6)
    assert soft_margin(logits, y)[0].item() == pytest.approx(0.193147, abs=1e-6)
    half = logits.softmax(1).gather(1, y[:, None]).squeeze(1) > 0.5
    assert torch.equal(soft_margin(logits, y) < 0, half)


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=6), st.integers(0, 2))
def test_the_soft_margin_is_the_odds_of_the_label(values: list[float], label: int) -> None:
    logits, y = torch.tensor([values], dtype=torch.float64), torch.tensor([label])
    p = logits.softmax(1)[0, label]
    assert soft_margin(logits, y).item() == pytest.approx(((1 - p) / p).log().item(), abs=1e-6)
    assert soft_margin(logits, y) >= margin(logits, y) - 1e-9


def test_an_image_that_is_likeliest_but_below_one_half_is_wrong(linear: MakeLinear) -> None:
    """Logits (.5, 0, 0): p_y = .4519, so the plain CE at the image, and the least margin."""
    net, batch = three_classes(linear), visit(torch.full((1, 1, 1, 1), 0.55), [0])
    torch.testing.assert_close(net(batch.x).detach(), torch.tensor([[0.5, 0.0, 0.0]]))
    own = math.log(math.exp(0.5) + 2) - 0.5
    assert own == pytest.approx(0.794377, abs=1e-6)
    loss, columns = only(MMA(d_max=0.2, least=0.001, clean=0.0), net, batch)
    assert loss.item() == pytest.approx(own, abs=1e-5)
    assert margins(batch).item() == pytest.approx(0.001) and not columns["correct"].item()
    loss, _ = only(MMA(d_max=0.2, least=0.001, clean=0.0, gate="argmax"), net, batch)
    assert loss.item() == pytest.approx(math.log(3), abs=0.01)  # at x = 1/2, where all three logits are 0
    assert margins(batch).item() == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize(("gate", "boundary"), [("soft", 0.5 + math.log(2) / 10), ("argmax", 0.5)])
def test_bisection_ends_where_the_gate_turns(linear: MakeLinear, gate: Any, boundary: float) -> None:
    net, batch = three_classes(linear), visit(torch.full((1, 1, 1, 1), 0.9), [0])
    loss, _ = only(MMA(d_max=0.5, least=0.001, clean=0.0, gate=gate), net, batch)
    assert margins(batch).item() == pytest.approx(0.9 - boundary, abs=REACH * 0.5 / 2**HALVINGS + 1e-6)
    assert loss.item() == pytest.approx({"soft": math.log(2), "argmax": math.log(3)}[gate], abs=0.01)
