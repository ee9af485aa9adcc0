"""Adversarial weight perturbation: the loss is computed at weights that are perturbed to increase it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from trainers.knobs import Duration, Knobs, Real
from trainers.step import Net

Offsets = list[tuple[torch.nn.Parameter, Tensor]]


class AWP(Knobs):
    """One ascent step w + gamma |w| g / |g| in each weight tensor: Wu et al. 2020, arXiv:2004.05884, Alg. 1.

    Vectors (biases, BN) are not perturbed, as in the authors' code. The update is computed at the perturbed weights and
    applied to the original ones. Weight decay, as in their code, acts on the perturbed weights.
    """

    gamma: Annotated[Real, Field(gt=0)] = 0.005
    burn_in: Duration = 0

    def compute_offsets(self, net: Net, losses: Tensor) -> Offsets:
        """Return each weight tensor with its offset, in the direction that increases the mean of losses, (B,)."""
        weights = [w for w in net.module.parameters() if w.ndim > 1]
        gradients = torch.autograd.grad(losses.mean(), weights)
        net.backwards += len(losses)
        scaled = zip(weights, gradients, strict=True)
        return [(w, self.gamma * w.detach().norm() * g / (g.norm() + 1e-20)) for w, g in scaled]


@contextmanager
def perturbed_weights(offsets: Offsets) -> Iterator[None]:
    """Add the offsets to the weights, and subtract the same offsets on leaving."""
    _shift(offsets, 1)
    try:
        yield
    finally:
        _shift(offsets, -1)


@torch.no_grad()
def _shift(offsets: Offsets, sign: int) -> None:
    for weight, offset in offsets:
        weight.add_(offset, alpha=sign)


@contextmanager
def frozen_statistics(net: Net) -> Iterator[None]:
    """Restore all buffers, such as BN statistics, on leaving, so that forwards in train mode do not change them.

    A backward pass through such a forward must run inside: it needs the buffers as the forward left them.
    """
    before = [(buffer, buffer.clone()) for buffer in net.module.buffers()]
    yield
    for buffer, kept in before:
        buffer.copy_(kept)
