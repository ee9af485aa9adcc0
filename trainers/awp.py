"""Adversarial weight perturbation: the loss is taken where the weights are moved against it."""

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
    """Wu et al. 2020, arXiv:2004.05884, Alg. 1, one ascent step: w + gamma |w| g / |g| in each weight tensor.

    Vectors (biases, BN) stay, as in the authors' code. The update is computed at the moved weights and applied to
    the original ones; weight decay, as there, acts on the moved ones.
    """

    gamma: Annotated[Real, Field(gt=0)] = 0.005
    burn_in: Duration = 0

    def offsets(self, net: Net, losses: Tensor) -> Offsets:
        """How far each weight moves up the mean of losses, (B,)."""
        weights = [w for w in net.module.parameters() if w.ndim > 1]
        gradients = torch.autograd.grad(losses.mean(), weights)
        net.backwards += len(losses)
        scaled = zip(weights, gradients, strict=True)
        return [(w, self.gamma * w.detach().norm() * g / (g.norm() + 1e-20)) for w, g in scaled]


@contextmanager
def moved(offsets: Offsets) -> Iterator[None]:
    """Move the weights; on leaving take the same offsets back."""
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
def unmoved_statistics(net: Net) -> Iterator[None]:
    """Let forwards in train mode leave the BN statistics as they were; a backward needs them as they are within."""
    before = [(buffer, buffer.clone()) for buffer in net.module.buffers()]
    yield
    for buffer, kept in before:
        buffer.copy_(kept)
