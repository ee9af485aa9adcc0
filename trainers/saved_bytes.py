"""What a network keeps for a backward pass, and how many images are therefore measured at once."""

from __future__ import annotations

from functools import cache

import torch

from trainers.models import Model

AT_ONCE = 512  # images, unless they keep too much
ENOUGH = 2**30  # bytes that a measurement may keep in any case
STEP = 32  # a batch below the limit is a multiple of it, and at least as large


@cache
def count_saved_bytes(model: Model, channels: int, size: int, classes: int) -> int:
    """Return the bytes that the forward pass of one image saves for the backward pass, in fp32. Nothing is computed."""
    total = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        whole = tensor if tensor._base is None else tensor._base
        if not isinstance(whole, torch.nn.Parameter):  # a parameter is held once, however many images there are
            total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.device("meta"), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        model.build(channels, size, classes).eval()(torch.empty(1, channels, size, size))
    return total


def choose_measured_batch(per_image: int, trained: float) -> int:
    """Return how many images are measured at once, in fp32, so that measuring keeps no more than training does.

    per_image: bytes that an image keeps in fp32 (`count_saved_bytes`). trained: images in fp32 that keep as much as a
    training step. The number depends on no memory that happens to be free, since last bits may depend on it.
    """
    fitting = max(ENOUGH / per_image, trained)
    return AT_ONCE if fitting >= AT_ONCE else max(STEP, int(fitting) // STEP * STEP)
