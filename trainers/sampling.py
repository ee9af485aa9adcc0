"""Which images of a test split an attack of the end looks at: all, or some that are drawn once for a whole study."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainers.data import Split, stratified

SEED = 0x1A6E5  # of every draw, whatever the study


def drawn(y: Tensor, images: int | None) -> Tensor | None:
    """Draw so many positions of a split, each class in proportion (largest remainders); None: all of the split.

    y: (N,) labels. Returns (images,) int64, ascending. The labels and the number alone decide, so that every attack,
    checkpoint, seed and trial that has this split looks at the same images.
    """
    if images is None or images >= len(y):
        return None
    chosen, _ = stratified(y.cpu().numpy(), np.arange(len(y)), images, np.random.default_rng(SEED))
    return torch.from_numpy(chosen)


def part(split: Split, positions: Tensor | None) -> Split:
    """Return the images at these positions, or the split itself."""
    return split if positions is None else Split(split.x[positions], split.y[positions])


def check_images(knob: str, images: int | None, classes: int) -> None:
    """Raise ValueError if so few images cannot show every class."""
    if images is not None and images < classes:
        raise ValueError(
            f"{knob}: {images} images cannot show each of {classes} classes; take at least {classes}, better 100 of "
            "each, or leave the key out for all images"
        )
