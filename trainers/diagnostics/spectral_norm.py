"""The largest factor by which an affine map stretches a difference of two inputs, in l2: the norm of its matrix.

AutoLip (Scaman & Virmaux 2018, arXiv:1805.10965, Algorithm 2) finds it by power iteration with automatic
differentiation, without building the matrix. This approaches the norm from below, and no residual, however small, shows
that it was reached: a larger singular value may have been missed. Here a random block of vectors is iterated, and the
result is rounded up so far that it is a bound, with a probability of 1 - RISK.

Let B = A^T A have the largest eigenvalue s with eigenvector u, and let V be an orthonormal basis of the block. A random
block of m vectors in n dimensions has |V^T u|^2 ~ Beta(m/2, (n - m)/2), so that |V^T u|^2 >= c but for RISK. Suppose
so; the rest is certain. The block becomes P(B) V, where P is a product of polynomials that are at most 1 in absolute
value on [0, a], for an a <= s, and grow beyond. Hence |P| is largest at s among all eigenvalues, and the block comes no
farther from u. Let t <= s be the largest Ritz value of the block.

residual       With R = B V - V T, T = V^T B V: R^T u = (s - T) V^T u, whose length is at least (s - t) sqrt(c). So
               s <= t + |R| / sqrt(c).
polynomial     Some x = P(B) (cos q u + sin q w) in the block has cos^2 q >= c, w orthogonal to u. As its Rayleigh
               quotient is at most t, cos^2 q P(s)^2 (s - t) <= sin^2 q M^2 t with M = max |P| on [0, t]. So
               (P(s) / M)^2 (s / t - 1) <= 1 / c - 1, whose left side grows with s.

The smaller of the two bounds of s is taken: the first for maps that stretch many directions alike, the second for all
others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

TOLERANCE = 1e-3  # relative distance of the bound of s to t at which the iteration ends; that of the norm is half
RISK = 1e-12  # probability that a bound is too low
DEGREE = 8  # of each polynomial; the block is made orthonormal after each


class Norm(NamedTuple):
    """The norm of an affine map, from above, and how it was reached."""

    bound: float
    iterations: int  # each applies the map and its transpose to all vectors


class Filter(NamedTuple):
    """The polynomial x / top * T(2 x / top - 1) with T of Chebyshev: 0 at 0, so that it leaves no null space."""

    degree: int  # of T
    top: float

    def log(self, value: float) -> float:
        """Return the logarithm of its value at `top` or beyond."""
        angle = math.acosh(max(1.0, 2 * value / self.top - 1))
        chebyshev = self.degree * angle + math.log1p(math.exp(-2 * self.degree * angle)) - math.log(2)
        return math.log(value / self.top) + chebyshev

    def apply(self, product: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Return the polynomial of B times a block, from `images`, B times the block, and `product`, B times any."""
        earlier, later = torch.zeros_like(images), images / self.top
        for degree in range(self.degree):
            shifted = 2 / self.top * product(later) - later
            earlier, later = later, (2 if degree else 1) * shifted - earlier
        return later


def bound_norm(
    affine: Callable[[Tensor], Tensor],
    like: Tensor,
    vectors: int,
    iterations: int,
    rng: Generator,
    risk: float = RISK,
) -> Norm:
    """Bound the norm of an affine map on inputs such as `like`, (1, ...) float64.

    `affine` maps (B, ...) to (B, ...), each example by itself. It is applied until the bound is close, or `iterations`
    times; fewer give a looser bound. A map that is not finite has the bound inf.
    """
    size = like[0].numel()
    block = _orthonormal(torch.randn(size, min(vectors, size), dtype=like.dtype, generator=rng).to(like.device))
    product = partial(_apply, affine, affine(torch.zeros_like(like)).detach(), like)
    alignment = find_alignment(block.shape[1], size, risk)
    filters: list[Filter] = []
    done = 0
    while True:
        images = product(block)
        done += 1
        if not images.isfinite().all():
            return Norm(math.inf, done)
        ritz = block.T @ images
        top = float(torch.linalg.eigvalsh((ritz + ritz.T) / 2)[-1].clamp_min(0))
        residual = float(torch.linalg.matrix_norm(images - block @ ritz))
        bound = min(top + residual / math.sqrt(alignment), bound_by_filters(filters, top, alignment))
        if bound <= top * (1 + TOLERANCE) or done == iterations:
            return Norm(math.sqrt(bound), done)
        polynomial = Filter(min(DEGREE, iterations - done) - 1, top)
        block = _orthonormal(polynomial.apply(product, images))
        done += polynomial.degree
        filters.append(polynomial)


def find_alignment(vectors: int, size: int, risk: float) -> float:
    """Return the c that |V^T u|^2 of a random block exceeds but for `risk`, for any unit vector u."""
    from scipy.special import betaincinv

    return float(betaincinv(vectors / 2, (size - vectors) / 2, risk)) if vectors < size else 1.0


def bound_by_filters(filters: list[Filter], top: float, alignment: float) -> float:
    """Return the largest s that the polynomial's inequality allows, to one part in 10^12, rounded up."""
    most = math.log(1 / alignment - 1) if alignment < 1 else -math.inf
    inside = sum(max(0.0, polynomial.log(top)) for polynomial in filters)  # of the maximum on [0, top]
    low, high = math.log(1e-12), max(most, math.log(1e-12))  # of s / t - 1; at `high` the left side is too large
    for _ in range(60):
        middle = (low + high) / 2
        outside = sum(polynomial.log(top * (1 + math.exp(middle))) for polynomial in filters)
        low, high = (middle, high) if 2 * (outside - inside) + middle <= most else (low, middle)
    return top * (1 + math.exp(high))


def _apply(affine: Callable[[Tensor], Tensor], offset: Tensor, like: Tensor, block: Tensor) -> Tensor:
    """Return A^T A V of a block of columns, (size, vectors) -> the same; A z is affine(z) - affine(0)."""
    z = block.T.reshape(-1, *like.shape[1:]).requires_grad_()
    with torch.enable_grad():
        out = affine(z)
    (back,) = torch.autograd.grad(out, z, (out - offset).detach())
    return back.flatten(1).T


def _orthonormal(block: Tensor) -> Tensor:
    return torch.linalg.qr(block)[0]
