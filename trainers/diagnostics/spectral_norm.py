"""The largest factor by which an affine map stretches a difference of two inputs, in l2: the norm of its matrix.

AutoLip (Scaman & Virmaux 2018, arXiv:1805.10965, Algorithm 2) finds it by power iteration with automatic
differentiation, without building the matrix. One vector approaches the norm from below, and slowly where the largest
two singular values are close. Here a block of vectors is iterated, and the result is rounded up so far that it is a
bound, however many iterations were made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

TOLERANCE = 1e-6  # relative size of the residual at which the iteration ends
RISK = 1e-12  # probability that a bound of an iteration that did not end so is too low


class Norm(NamedTuple):
    """The norm of an affine map, from above, and how it was reached."""

    bound: float
    iterations: int  # each applies the map and its transpose to `vectors` inputs


def bound_norm(affine: Callable[[Tensor], Tensor], like: Tensor, vectors: int, iterations: int, rng: Generator) -> Norm:
    """Bound the norm of an affine map on inputs such as `like`, (1, ...) float64.

    `affine` maps (B, ...) to (B, ...), each example by itself. Each iteration replaces an orthonormal block V by
    A^T A V, whose largest Ritz value t approaches the square of the norm from below. Once the residual |A^T A v - t v|
    is small, t plus the residual is the square of the bound. After `iterations` without that, `miss_share` says how far
    t may be below. A map that is not finite has the bound inf.
    """
    size = like[0].numel()
    block = _orthonormal(torch.randn(size, min(vectors, size), dtype=like.dtype, generator=rng).to(like.device))
    offset, value = affine(torch.zeros_like(like)).detach(), torch.zeros((), dtype=like.dtype)
    for done in range(1, iterations + 1):
        images = _apply(affine, offset, like, block)
        if not images.isfinite().all():
            return Norm(math.inf, done)
        values, directions = torch.linalg.eigh(block.T @ images)
        top, value = directions[:, -1], values[-1].clamp_min(0)
        residual = torch.linalg.vector_norm(images @ top - value * (block @ top))
        if residual <= TOLERANCE * value:
            return Norm(float((value + residual).sqrt()), done)
        block = _orthonormal(images @ directions.flip(1))
    return Norm(float((value / (1 - miss_share(iterations, vectors, size))).sqrt()), iterations)


def miss_share(iterations: int, vectors: int, size: int) -> float:
    """Return the share of the largest eigenvalue that power iteration from random starts misses, but for RISK.

    Kuczynski & Wozniakowski 1992 (SIAM J. Matrix Anal. Appl. 13), Theorem 4.1: after k products with a matrix of size
    n, a uniform start misses a share e or more with a probability of at most
    min(0.824, 0.354 / sqrt(e (k - 1))) sqrt(n) (1 - e)^(k - 1/2), whatever the eigenvalues are. For several independent
    starts the probabilities are multiplied. After one product the share is 1.
    """
    if iterations < 2:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        factor = min(0.824, 0.354 / math.sqrt(share * (iterations - 1)))
        log = math.log(factor) + math.log(size) / 2 + (iterations - 0.5) * math.log1p(-share)
        low, high = (low, share) if vectors * log <= math.log(RISK) else (share, high)
    return high


def _apply(affine: Callable[[Tensor], Tensor], offset: Tensor, like: Tensor, block: Tensor) -> Tensor:
    """Return A^T A V of a block of columns, (size, vectors) -> the same; A z is affine(z) - affine(0)."""
    z = block.T.reshape(-1, *like.shape[1:]).requires_grad_()
    with torch.enable_grad():
        out = affine(z)
    (back,) = torch.autograd.grad(out, z, (out - offset).detach())
    return back.flatten(1).T


def _orthonormal(block: Tensor) -> Tensor:
    return torch.linalg.qr(block)[0]
