"""Adversarial weight perturbation: the loss is computed at weights that are perturbed to increase it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from trainers.knobs import BurnIn, Knobs, Real
from trainers.step import Net
from trainers.tensor_lists import clone_tensors, copy_tensors


class Offsets(NamedTuple):
    """Weight tensors, and what is added to each."""

    weights: list[Tensor]
    values: list[Tensor]


class AWP(Knobs):
    """One ascent step w + gamma |w| g / |g| in each weight tensor: Wu et al. 2020, arXiv:2004.05884, Alg. 1.

    Vectors (biases, BN) are not perturbed, as in the authors' code. The update is computed at the perturbed weights and
    applied to the original ones. Weight decay, as in their code, acts on the perturbed weights.
    """

    gamma: Annotated[Real, Field(gt=0)] = 0.005
    burn_in: BurnIn = 0

    def compute_offsets(self, net: Net, losses: Tensor) -> Offsets:
        """Return the offset of each weight tensor, in the direction that increases the mean of losses, (B,)."""
        weights: list[Tensor] = [w for w in net.module.parameters() if w.ndim > 1]
        gradients = torch.autograd.grad(losses.mean(), weights)
        net.backwards += len(losses)
        lengths = torch._foreach_mul(torch._foreach_norm([w.detach() for w in weights]), self.gamma)
        norms = torch._foreach_add(torch._foreach_norm(gradients), 1e-20)
        return Offsets(weights, list(torch._foreach_div(torch._foreach_mul(gradients, lengths), norms)))


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
    torch._foreach_add_(offsets.weights, offsets.values, alpha=sign)


@contextmanager
def frozen_statistics(net: Net) -> Iterator[None]:
    """Restore all buffers, such as BN statistics, on leaving, so that forwards in train mode do not change them.

    A backward pass through such a forward must run inside: it needs the buffers as the forward left them.
    """
    buffers = list(net.module.buffers())
    kept = clone_tensors(buffers)
    yield
    copy_tensors(buffers, kept)
