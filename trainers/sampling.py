"""The images of a test split that a final attack runs on: all, or a sample that is the same for a whole study."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainers.data import Split, draw_stratified

SEED = 0x1A6E5  # the same for every study


def draw_images(y: Tensor, images: int | None) -> Tensor | None:
    """Draw `images` positions of a split, each class in proportion (largest remainders); None means the whole split.

    y: (N,) labels. Returns (images,) int64, ascending, or None if the split has no more images. The draw depends only
    on the labels and the number, so that every attack, checkpoint, seed and trial with this split uses the same images.
    """
    if images is None or images >= len(y):
        return None
    chosen, _ = draw_stratified(y.cpu().numpy(), np.arange(len(y)), images, np.random.default_rng(SEED))
    return torch.from_numpy(chosen)


def take_images(split: Split, positions: Tensor | None) -> Split:
    """Return the part of a split at these positions; the split itself if `positions` is None."""
    return split if positions is None else Split(split.x[positions], split.y[positions])


def check_images(knob: str, images: int | None, classes: int) -> None:
    """Raise ValueError, beginning with `knob`, if there are fewer images than classes."""
    if images is not None and images < classes:
        raise ValueError(
            f"{knob}: {images} images cannot show each of {classes} classes; take at least {classes}, better 100 of "
            "each, or leave the key out for all images"
        )
