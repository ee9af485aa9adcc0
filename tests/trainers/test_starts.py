"""Perturbations that are kept from visit to visit: each in its window of the padded image, drawn anew when due."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from trainers.attacks import PGD
from trainers.augmentation import View
from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.starts import COLUMN, Direction, Previous, draw_start
from trainers.state import InstanceState
from trainers.step import Batch

from .helpers import WHOLE, images, seeded, steep, visit

CROP, SIDE = 2, 8
NOW = Previous(reset_every=1)  # within a stage: draw anew
LATER = Previous(reset_every=None)


def every_view() -> View:
    """Return one image for each place of the window, mirrored and not: 50."""
    places = list(product(range(2 * CROP + 1), range(2 * CROP + 1), (False, True)))
    rows, columns, mirror = (torch.tensor(each) for each in zip(*places, strict=True))
    return View(rows, columns, mirror, CROP)


def canvas_of(batch: Batch) -> Tensor:
    assert batch.state is not None
    return batch.state.columns[COLUMN]


def filled(view: View, count: int) -> Batch:
    """Return a batch whose examples remember perturbations that differ in every pixel."""
    batch = images(count)._replace(view=view)
    side = SIDE + 2 * view.crop
    shape = (count, 1, side, side)
    assert batch.state is not None
    batch.state.column(COLUMN, shape[1:])[:] = torch.linspace(-0.02, 0.02, count * side * side).view(shape)
    return batch


# The window


def test_start_is_the_window_of_the_kept_perturbation() -> None:
    view = every_view()
    batch = filled(view, 50)
    kept = canvas_of(batch).clone()
    start = draw_start(LATER, batch, 0.05, "linf", seeded())
    for i in range(50):
        row, column = int(view.rows[i]), int(view.columns[i])  # type: ignore[index]
        window = kept[i, :, row : row + SIDE, column : column + SIDE]
        assert torch.equal(start[i], window.flip(2) if view.mirror[i] else window)  # type: ignore[index]
    assert torch.equal(canvas_of(batch), kept)  # to look is not to change


def test_keeping_fills_the_window_and_leaves_what_is_around_it() -> None:
    """For every place and mirror: cut, paste and cut again gives the same, and the border keeps older values."""
    batch = filled(every_view(), 50)
    before = canvas_of(batch).clone()
    delta = 1 + torch.rand(50, 1, SIDE, SIDE, generator=seeded())
    LATER.keep(batch, delta)
    assert torch.equal(draw_start(LATER, batch, 0.05, "linf", seeded()), delta)
    new = canvas_of(batch) >= 1
    assert (new.flatten(1).sum(1) == SIDE * SIDE).all()
    assert torch.equal(canvas_of(batch)[~new], before[~new])


def test_the_attack_goes_on_from_its_last_visit() -> None:
    """Two visits of one step within the ball are one of two, as far as the window stays."""
    net, first = steep(), images(20)
    one = PGD(epsilon=0.1, step_size=0.02, steps=1, start=LATER)
    fresh = PGD(epsilon=0.1, step_size=0.02, steps=1, start=NOW.model_copy(update={"fill": "none"}))
    x = fresh(net, first, seeded()).x
    torch.testing.assert_close(canvas_of(first), x - first.x)
    x = one(net, first, seeded()).x
    twice = PGD(epsilon=0.1, step_size=0.02, steps=2, start="none")(net, first, seeded()).x
    torch.testing.assert_close(x, twice)
    torch.testing.assert_close(canvas_of(first), twice - first.x)


def test_another_view_sees_the_same_pixels_elsewhere() -> None:
    """Seen one pixel farther right and mirrored, the perturbation has moved with the image."""
    state = InstanceState(1, torch.device("cpu"))
    x = torch.full((1, 1, SIDE, SIDE), 0.5)
    place = torch.tensor([1])
    first = visit(x, [0], state, View(place, place, torch.tensor([False]), CROP))
    delta = torch.linspace(-0.02, 0.02, SIDE * SIDE).view(1, 1, SIDE, SIDE)
    LATER.keep(first, delta)
    later = first._replace(view=View(place, place + 1, torch.tensor([True]), CROP))
    seen = draw_start(LATER, later, 0.05, "linf", seeded())
    assert torch.equal(seen.flip(3)[..., :-1], delta[..., 1:])
    assert not seen.flip(3)[..., -1].any()  # never seen before


def test_kept_perturbation_outside_the_ball_is_projected() -> None:
    batch = images(12)
    LATER.keep(batch, torch.full_like(batch.x, 0.5))
    x = PGD(epsilon=0.1, steps=0, start=LATER)(steep(), batch, seeded()).x
    torch.testing.assert_close(x, (batch.x + 0.1).clamp(0, 1))


def test_only_the_perturbation_of_a_visited_example_changes() -> None:
    whole = images(6)
    assert whole.state is not None
    LATER.keep(whole, torch.full_like(whole.x, 0.01))
    rows = torch.tensor([4, 1])
    part = Batch(whole.x[rows], whole.y[rows], rows, WHOLE, whole.state)
    PGD(epsilon=0.1, steps=1, start=LATER)(steep(), part, seeded())
    changed = (canvas_of(whole) != 0.01).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, True, False]


# Drawing anew


@pytest.mark.parametrize("fill", ["none", "normal", "uniform"])
def test_all_kept_perturbations_are_drawn_anew_when_due(fill: Any) -> None:
    batch = filled(every_view(), 50)
    start = draw_start(NOW.model_copy(update={"fill": fill}), batch, 0.05, "linf", seeded())
    kept = canvas_of(batch)
    assert torch.equal(start, batch.view.cut(kept))  # type: ignore[union-attr]
    if fill == "none":
        assert not kept.any()
    else:
        deviation = {"normal": 0.001, "uniform": 0.05 / 3**0.5}[fill]
        assert kept.std() == pytest.approx(deviation, rel=0.05) and kept.mean().abs() < deviation / 20
        corners = kept[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.all()  # the border too


def test_perturbations_are_drawn_anew_at_epochs_10_20_and_30() -> None:
    """Epochs counted from 1, as in the code of Zheng et al. 2020; and in the first, when there are none."""

    def due(start: Previous) -> list[int]:
        return [epoch + 1 for epoch in range(38) if start.at(epoch, 38).reset_every == 1]

    assert due(Previous()) == [1, 10, 20, 30]
    assert due(Previous(reset_every=1)) == list(range(1, 39))
    assert due(Previous(reset_every=None)) == [1]
    assert {METHODS[row].at(9, 38).attack.start.reset_every for row in METHODS if row.startswith("atta")} == {1}  # type: ignore[union-attr]
    assert {start.reset_every for start in (Previous().at(epoch, 38) for epoch in (1, 8, 10, 37))} == {None}


def test_a_training_remembers_between_epochs_and_forgets_when_due(tiny: Any, trainer: Any) -> None:
    attack = {"epsilon": 0.1, "step_size": 0.02, "steps": 1, "start": {"name": "previous", "reset_every": 3}}
    data = {"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1}
    config: TrialConfig = tiny(method={"attack": attack}, epochs=4, data=data)
    ready = trainer(config)
    sizes = []
    for epoch in range(4):
        ready.run_epoch(config.stage(epoch))
        assert ready.examples.state.columns[COLUMN].shape == (60, 1, 10, 10)
        sizes.append(ready.examples.state.columns[COLUMN].abs().max().item())
    assert sizes[0] < 0.025 < 0.035 < sizes[1] and sizes[2] < 0.025 < 0.035 < sizes[3]  # steps of 0.02 each


def test_half_precision_keeps_perturbations_up_to_rounding() -> None:
    whole, half = images(20), images(20)
    delta = 0.1 * torch.randn(whole.x.shape, generator=seeded())
    LATER.keep(whole, delta)
    LATER.model_copy(update={"half": True}).keep(half, delta)
    assert canvas_of(half).dtype == torch.float16
    starts = [draw_start(LATER, batch, 0.1, "linf", seeded()) for batch in (whole, half)]
    assert starts[1].dtype == torch.float32
    torch.testing.assert_close(starts[1], starts[0], rtol=1e-3, atol=1e-4)
    assert not torch.equal(starts[1], starts[0])


# A random direction


@given(length=st.floats(1e-4, 3), norm=st.sampled_from(["linf", "l2"]), seed=st.integers(0, 99))
def test_a_direction_has_its_length_in_l2_and_then_stays_in_the_ball(length: float, norm: Any, seed: int) -> None:
    batch = images()._replace(x=torch.full((12, 1, 8, 8), 0.5))
    offset = draw_start(Direction(length=length), batch, 0.1, norm, seeded(seed))
    torch.testing.assert_close(offset.flatten(1).norm(dim=1), torch.full((12,), length))
    assert len({tuple(each) for each in offset.flatten(1).tolist()}) == 12
    attack = PGD(steps=0, epsilon=0.1, norm=norm, start=Direction(length=length))
    far = (attack(steep(), batch, seeded(seed)).x - batch.x).flatten(1)
    size = far.norm(dim=1) if norm == "l2" else far.abs().amax(1)
    assert (size <= 0.1 + 1e-6).all()
    if norm == "l2":  # inside it is the offset, outside it lies on the ball's edge
        torch.testing.assert_close(size, torch.full((12,), min(length, 0.1)))


def test_directions_are_those_of_the_normal_start() -> None:
    """x + xi u with u = n / |n|: the draw of 0.001 N(0, 1), scaled."""
    batch = images()
    fixed, free = (draw_start(start, batch, 0.1, "linf", seeded()) for start in (Direction(length=0.3), "normal"))
    torch.testing.assert_close(fixed, 0.3 * free / free.flatten(1).norm(dim=1).view(-1, 1, 1, 1))


def test_the_kl_can_be_climbed_from_a_direction() -> None:
    method = TrialConfig.model_validate(
        {"method": {"base": "gair-trades", "attack": {"start": {"name": "direction", "length": "1/20"}}}}
    ).method
    assert method.attack.start == Direction(length=0.05)  # type: ignore[union-attr]


# Refusals


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        ({"name": "direction"}, "Field required"),
        ({"name": "direction", "length": 0}, "greater than 0"),
        ({"name": "sphere", "length": 1}, "does not match any of the expected tags: 'previous', 'direction'"),
    ],
)
def test_a_direction_without_a_length_is_refused(start: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PGD(start=start)


def test_perturbation_of_an_evaluation_is_not_kept() -> None:
    with pytest.raises(TypeError, match="only training examples are remembered"):
        PGD(start=Previous())(steep(), Batch(*images()[:2]), seeded())


def test_restarts_from_one_memory_are_refused() -> None:
    with pytest.raises(ValidationError, match="are all the same; take restarts: 1"):
        PGD(start=Previous(), restarts=2)
