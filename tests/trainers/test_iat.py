"""Radii of their own: the rule of candidates, their running average, and where they settle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainers.attacks import PGD
from trainers.iat import COLUMN, IAT, averaged, candidate
from trainers.methods import METHODS
from trainers.step import Batch, Net

from .helpers import images, seeded, steep, visit

MakeLinear = Callable[..., Net]
EPSILON, GAMMA = 8 / 255, 1.9 / 255


def constant(linear: MakeLinear) -> Net:
    """Return a network that names class 1 for every image."""
    return linear(torch.zeros(4, 64), torch.tensor([0.0, 9.0, 0.0, 0.0]))


def one_pixel(linear: MakeLinear, *margins: float) -> tuple[Net, Batch]:
    """Return images of one pixel, of class 0 up to 0.5, at given distances from there."""
    x = 0.5 - torch.tensor(margins).view(-1, 1, 1, 1)
    return linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([1.0, 0.0])), visit(x, [0] * len(margins))


def radii(batch: Batch) -> Tensor:
    assert batch.state is not None
    return batch.state.columns[COLUMN]


# The rule


@pytest.mark.parametrize(("correct", "wide", "near"), list(product((True, False), repeat=3)))
def test_candidates(correct: bool, wide: bool, near: bool) -> None:
    """Up where robust farther out, down where not robust here, 0 where the image itself is misclassified."""
    asked = 0.0 if not correct else 0.06 if wide else 0.05 if near else 0.04
    given_ = [torch.tensor([flag]) for flag in (correct, wide, near)]
    assert candidate(torch.tensor([0.05]), *given_, gamma=0.01).item() == pytest.approx(asked)


@given(
    radius=st.floats(0, 0.5), gamma=st.floats(0, 0.2), momentum=st.floats(0, 1),
    flags=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20),
)  # fmt: skip
def test_radii_are_never_negative(radius: float, gamma: float, momentum: float, flags: list[Any]) -> None:
    value = torch.tensor([radius])
    for each in flags:
        correct, wide, near = (torch.tensor([flag]) for flag in each)
        value = averaged(value, candidate(value, correct, wide, near, gamma), momentum)
        assert value >= 0


def test_example_robust_beyond_its_radius_gains_a_tenth_of_gamma(linear: MakeLinear) -> None:
    batch, net = images(5)._replace(y=torch.ones(5, dtype=torch.long)), constant(linear)
    attack = METHODS["iat"].at(99, 110).attack  # type: ignore[union-attr]
    for n in (1, 2, 3):
        adversary = attack(net, batch, seeded())
        expected = [EPSILON + n * 0.1 * GAMMA] * 5
        assert radii(batch).tolist() == pytest.approx(expected)
        assert torch.equal(adversary.epsilon, radii(batch))


def test_radius_of_a_misclassified_example_shrinks_to_zero(linear: MakeLinear) -> None:
    batch, net = images(5)._replace(y=torch.zeros(5, dtype=torch.long)), constant(linear)
    for n in (1, 2, 3):
        IAT(burn_in=0)(net, batch, seeded())
        assert radii(batch).tolist() == pytest.approx([EPSILON * 0.9**n] * 5)


def test_radius_update_follows_the_distance_to_the_boundary(linear: MakeLinear) -> None:
    """Of pixels at distances from a boundary: too near, between the two radii, beyond both, and on the wrong side."""
    net, batch = one_pixel(linear, 0.02, 0.035, 0.1, -0.01)
    IAT(momentum=0.0, burn_in=0)(net, batch, seeded())
    assert radii(batch).tolist() == pytest.approx([EPSILON - GAMMA, EPSILON, EPSILON + GAMMA, 0], abs=1e-6)


@pytest.mark.long
def test_radii_settle_at_the_distance_to_the_boundary(linear: MakeLinear) -> None:
    margins = [0.01, 0.05, 0.12, 0.2]
    net, batch = one_pixel(linear, *margins)
    for seed in range(60):
        IAT(momentum=0.5, gamma=0.01, burn_in=0)(net, batch, seeded(seed))
    assert radii(batch).tolist() == pytest.approx(margins, abs=0.0101)


# The attack within


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99))
def test_each_adversary_lies_within_its_own_radius(seed: int) -> None:
    net, batch = steep(), images(seed=seed)
    batch.state.column(COLUMN)[:] = torch.linspace(0, 0.2, 12)  # type: ignore[union-attr]
    adversary = IAT(burn_in=0)(net, batch, seeded(seed))
    far = (adversary.x - batch.x).abs().flatten(1).amax(1)
    assert (far <= radii(batch) + 1e-6).all()
    assert adversary.epsilon is not None and adversary.steps == 10


@pytest.mark.parametrize(("steps", "radius", "length"), [(10, 0.2, 0.04), (10, 0.02, 2 / 255), (4, 0.2, 0.1)])
def test_steps_are_two_radii_over_k_but_not_less_than_the_least(
    linear: MakeLinear, steps: int, radius: float, length: float
) -> None:
    """max(epsilon_i / (K / 2), 2/255), seen where nothing stops them: from the image, on a slope."""
    net, batch = one_pixel(linear, 0.4)
    attack, seen = IAT(steps=steps, burn_in=0), []
    perturb = PGD.perturb
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PGD, "perturb", lambda self, *args: (seen.append(args[4].item()), perturb(self, *args))[1])
        attack._climbed(net, batch, torch.tensor([radius]), seeded())
    assert seen == pytest.approx([length])


def test_three_climbs_and_three_looks_a_visit() -> None:
    net, batch = steep(), images()
    IAT(steps=10, burn_in=0)(net, batch, seeded())
    assert (net.forwards, net.backwards) == (33 * 12, 30 * 12)


# When it acts


def test_iat_is_pgd_at_one_radius_until_burn_in() -> None:
    iat = IAT(epsilon=0.1, steps=7, burn_in=5)
    assert {iat.at(epoch, 110) for epoch in range(5)} == {PGD(epsilon=0.1, steps=7)}
    assert {iat.at(epoch, 110) for epoch in range(5, 110)} == {iat.model_copy(update={"burn_in": 0})}
    assert IAT(momentum=1.0).at(50, 110) == PGD()  # a radius that never moves


def test_a_gated_warm_up_sets_radii_by_the_clean_prediction_and_forgets_them(linear: MakeLinear) -> None:
    """Each visit anew, whatever was before; from the right side of a boundary to the wrong one and back."""
    attack = IAT(burn_in=3, warm_up="gated").at(0, 110)
    net, batch = one_pixel(linear, 0.2, -0.2)
    for flip in (False, True, False):
        seen = batch._replace(x=batch.x.flip(0)) if flip else batch
        adversary = attack(net, seen, seeded())
        expected = [0.0, EPSILON] if flip else [EPSILON, 0.0]
        assert radii(batch).tolist() == adversary.epsilon.tolist() == pytest.approx(expected)
        far = (adversary.x - seen.x).abs().flatten(1).amax(1)
        assert (far <= radii(batch) + 1e-6).all() and far.max() > 0


def test_a_gated_warm_up_costs_one_climb_and_one_look_a_visit() -> None:
    net, batch = steep(), images()
    IAT(steps=10, burn_in=2, warm_up="gated").at(1, 10)(net, batch, seeded())
    assert (net.forwards, net.backwards) == (11 * 12, 10 * 12)


@pytest.mark.parametrize("momentum", [0.9, 1.0])
def test_after_a_gated_warm_up_radii_go_on_from_where_it_left_them(linear: MakeLinear, momentum: float) -> None:
    """The wrong one stays at 0; the one far from the boundary gains a tenth of gamma, or nothing at momentum 1."""
    iat = IAT(burn_in=1, warm_up="gated", momentum=momentum)
    net, batch = one_pixel(linear, 0.4, -0.2)
    for epoch in range(2):
        iat.at(epoch, 2)(net, batch, seeded(epoch))
    assert radii(batch).tolist() == pytest.approx([EPSILON + (1 - momentum) * GAMMA, 0.0])
    unseen = images(3)
    iat.at(1, 2).model_copy(update={"momentum": 1.0})(steep(), unseen, seeded())
    assert radii(unseen).tolist() == [0.0] * 3  # as all are before a warm-up


def test_warm_up_is_plain_by_default_and_then_no_part_of_a_configuration() -> None:
    assert "warm_up" not in IAT().model_dump()
    gated = IAT(burn_in=5, warm_up="gated")
    assert [gated.at(epoch, 110).burn_in for epoch in (0, 4, 5, 109)] == [1, 1, 0, 0]
    assert gated.at(0, 110) == gated.model_copy(update={"burn_in": 1})


def test_example_first_seen_after_burn_in_begins_at_epsilon() -> None:
    batch = images(3)
    IAT(epsilon=0.07, gamma=0.0, momentum=1.0)(steep(), batch, seeded())
    assert radii(batch).tolist() == pytest.approx([0.07] * 3)
