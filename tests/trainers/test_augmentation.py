"""A view cuts a window out of padded images and writes it back to the very pixels it came from."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainers.augmentation import Augmentation, View, pad_images
from trainers.data import to_pixels

HEIGHT, WIDTH = 4, 3


def every_view(crop: int) -> View:
    """Return one image for each place of the window, mirrored and not."""
    places = list(product(range(2 * crop + 1), range(2 * crop + 1), (False, True)))
    rows, columns, mirror = (torch.tensor(each) for each in zip(*places, strict=True))
    return View(rows, columns, mirror, crop)


@st.composite
def views(draw) -> tuple[View, int]:
    """Draw any view, and of how many images."""
    crop, flip, n = draw(st.integers(0, 3)), draw(st.booleans()), draw(st.integers(1, 5))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    return View.draw(n, Augmentation(crop=crop, flip=flip), rng, torch.device("cpu")), n


def images(n: int, border: int, dtype: torch.dtype) -> Tensor:
    """Return images that differ in every pixel, as far as the type allows."""
    shape = (n, 2, HEIGHT + 2 * border, WIDTH + 2 * border)
    return torch.randperm(int(np.prod(shape))).view(shape).to(dtype)


DTYPES = pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16, torch.int64, torch.bool])


@DTYPES
@given(drawn=views())
def test_window_fits_back_at_its_place(drawn, dtype):
    view, n = drawn
    canvas = images(n, view.crop, dtype)
    assert torch.equal(view.paste(canvas, view.cut(canvas)), canvas)


@DTYPES
@given(drawn=views())
def test_pasted_window_is_the_seen_one_and_its_surround_stays(drawn, dtype):
    view, n = drawn
    canvas, window = images(n, view.crop, dtype), images(n, 0, dtype)
    before, pasted = canvas.clone(), view.paste(canvas, window)
    assert pasted.dtype == dtype and torch.equal(view.cut(pasted), window)
    seen = view.paste(torch.zeros_like(canvas, dtype=torch.bool), torch.ones_like(window, dtype=torch.bool))
    assert (seen.flatten(1).sum(1) == window[0].numel()).all()
    assert torch.equal(pasted[~seen], canvas[~seen])
    pasted.zero_()
    assert torch.equal(canvas, before)  # new images


def test_at_every_place_the_window_is_a_slice_and_its_mirror():
    view = every_view(crop=2)
    canvas, window = images(50, 2, torch.float32), images(50, 0, torch.float32)
    cut, pasted = view.cut(canvas), view.paste(canvas, window)
    for i, (row, column, mirror) in enumerate(zip(view.rows, view.columns, view.mirror, strict=True)):
        rows, columns = slice(int(row), int(row) + HEIGHT), slice(int(column), int(column) + WIDTH)
        assert torch.equal(cut[i], canvas[i, :, rows, columns].flip(2) if mirror else canvas[i, :, rows, columns])
        expected = canvas[i].clone()
        expected[:, rows, columns] = window[i].flip(2) if mirror else window[i]
        assert torch.equal(pasted[i], expected)


def test_parts_that_are_off_draw_nothing_and_leave_the_draws_of_the_others():
    def drawn(**knobs):
        rng = torch.Generator().manual_seed(3)
        return View.draw(9, Augmentation(**knobs), rng, torch.device("cpu")), rng.get_state()

    nothing, state = drawn()
    assert nothing == View(None, None, None, 0) and torch.equal(state, torch.Generator().manual_seed(3).get_state())
    crop, both = drawn(crop=4)[0], drawn(crop=4, flip=True)[0]
    assert crop.mirror is None and drawn(flip=True)[0].rows is None
    assert torch.equal(crop.rows, both.rows) and torch.equal(crop.columns, both.columns)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "grey"])
def test_a_border_is_the_same_before_and_after_the_scaling_to_the_unit_interval(padding):
    x = torch.randint(0, 256, (3, 1, 5, 6), dtype=torch.uint8)
    padded = pad_images(x, 2, padding)
    assert padded.dtype == torch.uint8 and torch.equal(padded[:, :, 2:-2, 2:-2], x)
    assert torch.equal(to_pixels(padded), pad_images(to_pixels(x), 2, padding))
    assert torch.equal(pad_images(x, 0, padding), x)


def test_a_grey_border_is_half_of_white_to_the_next_of_256_levels():
    border = pad_images(torch.zeros(1, 1, 1, 1, dtype=torch.uint8), 1, "grey")
    assert border.unique().tolist() == [0, 128]
    assert abs(128 / 255 - 0.5) <= 1 / 510
