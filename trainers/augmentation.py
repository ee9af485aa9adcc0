"""Views: the random window and mirroring by which a batch sees its padded images, and how to write back through it.

State per pixel that is kept between epochs, such as the perturbations of Zheng et al. 2020, arXiv:1912.11969 (ATTA), is
stored in the coordinates of the padded image; each epoch reads and writes it through another view.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import NonNegativeInt
from torch import Generator, Tensor

from trainers.knobs import Knobs

Padding = Literal["zeros", "reflect", "grey"]
GREY = 128  # of 255: the 0.5 of Zheng et al. lies between two values of uint8


class Augmentation(Knobs):
    """The random crop and mirroring of training images."""

    crop: NonNegativeInt = 0  # pad by this many pixels on each side and crop back at random
    padding: Padding = "zeros"
    flip: bool = False  # mirror left-right with probability 1/2

    def check_sides(self, height: int, width: int) -> None:
        """Raise ValueError if images of this size, in pixels, are too small for reflect padding."""
        if self.padding == "reflect" and self.crop >= min(height, width):
            raise ValueError(
                f"data.crop: got {self.crop}; reflect padding of {height}x{width} images reaches at most "
                f"{min(height, width) - 1} pixels; lower it or use padding: zeros"
            )


class View(NamedTuple):
    """The window of each image of a batch in its padded image, and whether it is mirrored."""

    rows: Tensor | None  # (B,) first row of the window in the padded image; None: no crop
    columns: Tensor | None  # (B,) first column
    mirror: Tensor | None  # (B,) bool, left-right; None: no flip
    crop: int

    @staticmethod
    def draw(n: int, augmentation: Augmentation, rng: Generator, device: torch.device) -> View:
        """Draw a view of n images; a crop or flip that is off draws no random number."""
        rows = columns = mirror = None
        if augmentation.crop:
            rows = torch.randint(2 * augmentation.crop + 1, (n,), generator=rng, device=device)
            columns = torch.randint(2 * augmentation.crop + 1, (n,), generator=rng, device=device)
        if augmentation.flip:
            mirror = torch.rand(n, generator=rng, device=device) < 0.5
        return View(rows, columns, mirror, augmentation.crop)

    def cut(self, canvas: Tensor) -> Tensor:
        """Return the windows of padded images, (B, channels, H + 2 crop, W + 2 crop) -> (B, channels, H, W)."""
        if self._whole:
            return canvas
        height, width = canvas.shape[2] - 2 * self.crop, canvas.shape[3] - 2 * self.crop
        rows = torch.arange(height, device=canvas.device) + _offset(self.rows)
        columns = self._mirrored(torch.arange(width, device=canvas.device), width) + _offset(self.columns)
        return _taken(canvas, rows, columns)

    def paste(self, canvas: Tensor, window: Tensor) -> Tensor:
        """Return padded images with the window written where `cut` reads it; other pixels stay. Shapes as in `cut`."""
        if self._whole:
            return window.clone()
        height, width = window.shape[2:]
        rows = torch.arange(canvas.shape[2], device=canvas.device) - _offset(self.rows)
        columns = torch.arange(canvas.shape[3], device=canvas.device) - _offset(self.columns)
        inside = _within(rows, height)[..., None] & _within(columns, width)[..., None, :]  # ([B,] canvas)
        columns = self._mirrored(columns.clamp(0, width - 1), width)
        # gather for every pixel of the canvas: a deterministic scatter would be slow
        written = _taken(window, rows.clamp(0, height - 1), columns)
        return torch.where(inside.unsqueeze(-3), written, canvas)

    @property
    def _whole(self) -> bool:
        return self.rows is None and self.mirror is None

    def _mirrored(self, columns: Tensor, width: int) -> Tensor:
        return columns if self.mirror is None else torch.where(self.mirror[:, None], width - 1 - columns, columns)


def _offset(at: Tensor | None) -> Tensor | int:
    return 0 if at is None else at[:, None]


def _within(positions: Tensor, side: int) -> Tensor:
    return (positions >= 0) & (positions < side)


def _taken(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pixels of each image at rows x columns, ([B,] h) and ([B,] w) -> (B, channels, h, w)."""
    b, channels, _, width = x.shape
    at = rows[..., None] * width + columns[..., None, :]  # one gather is faster than an index of rows and columns
    flat = at.expand(b, -1, -1).flatten(1)[:, None].expand(-1, channels, -1)
    return x.flatten(2).gather(2, flat).view(b, channels, *at.shape[-2:])


def pad_images(x: Tensor, by: int, padding: Padding) -> Tensor:
    """Pad images, uint8 or pixels in [0, 1], by a border of `by` pixels; before or after `to_pixels` it is the same.

    (B, channels, H, W) -> (B, channels, H + 2 by, W + 2 by).
    """
    sides = (by, by, by, by)
    if padding == "reflect":
        return torch.nn.functional.pad(x.float(), sides, mode="reflect").to(x.dtype)  # reflect knows no uint8
    grey = GREY / 255 if x.dtype.is_floating_point else GREY
    return torch.nn.functional.pad(x, sides, value=grey if padding == "grey" else 0)
