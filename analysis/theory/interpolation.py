"""Theorem 2 of Liu et al. 2021: the robust test error of a linear classifier trained on one component of a mixture.

The data are y = ±1, equally likely, and x ~ N(y r_k η, I) in m dimensions with probability p_k, ‖η‖ = 1. The larger
r_k, the easier is a component. The training set is n examples of a component: X = r y ηᵀ + Q, with Q of standard
normal entries. If all αᵢyᵢ > 0 in α = (XXᵀ)⁻¹y, the max-margin vector is ŵ = Xᵀ(XXᵀ)⁻¹y, which interpolates the
labels; the paper expects this from m > 10 n log n + n − 1 on. Adversarial training converges to ŵ at every ε below the
margin 1/‖ŵ‖ (Theorem 1). Its error then depends on r through g = ŵ·η/‖ŵ‖ alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.theory.max_margin import check_labels

MEGABYTES = 64  # of test points that are drawn at a time


class Mixture(NamedTuple):
    """Components of the data: their probabilities p_k and distances r_k from the boundary; both (K,)."""

    shares: np.ndarray
    distances: np.ndarray


def build_mixture(shares: npt.ArrayLike, distances: npt.ArrayLike) -> Mixture:
    """Build a mixture. Raises ValueError if shares are no probabilities or distances are not positive and rising."""
    p, r = np.asarray(shares, dtype=float), np.asarray(distances, dtype=float)
    if p.shape != r.shape or (p < 0).any() or not np.isclose(p.sum(), 1):
        raise ValueError(f"shares: found {p.tolist()}; expected a share for each of {len(r)} components, 1 in sum")
    if not (r > 0).all() or (np.diff(r) <= 0).any():
        raise ValueError(f"distances: found {r.tolist()}; expected positive numbers in rising order")
    return Mixture(p, r)


class NoiseTerms(NamedTuple):
    """What the error depends on of the noise: with U = QQᵀ and d = Qη, s = yᵀU⁻¹y, t = dᵀU⁻¹d and v = yᵀU⁻¹d."""

    s: float
    t: float
    v: float

    @property
    def q(self) -> float:
        """Return 1 − t, which is positive: the squared length of the part of η outside the noise."""
        return 1 - self.t


def measure_noise(noise: np.ndarray, labels: np.ndarray, direction: np.ndarray) -> NoiseTerms:
    """Measure the terms of the noise Q (n, m) for labels y (n,) and the direction η (m,).

    Raises ValueError if there are not fewer examples than dimensions, or if η has not length 1.
    """
    check_labels(noise, labels)
    _check_dimensions(*noise.shape)
    if not np.isclose(np.linalg.norm(direction), 1):
        raise ValueError(f"direction: found length {np.linalg.norm(direction):g}; expected 1")
    along = noise @ direction
    by_label, by_along = np.linalg.solve(noise @ noise.T, np.column_stack([labels, along])).T
    return NoiseTerms(float(labels @ by_label), float(along @ by_along), float(labels @ by_along))


def compute_alignment(terms: NoiseTerms, r: npt.ArrayLike) -> np.ndarray:
    """Return g = ŵ·η/‖ŵ‖ after training at distance r; of any shape.

    g = (r(sq + v²) + v) / √(sD), D = r²sq + (rv + 1)². Its square is the paper's C₁ − 1/(C₂r² + C₃). It rises with r
    everywhere, as dg/dr = q√(s/D³) > 0.
    """
    s, _, v = terms
    r = np.asarray(r, dtype=float)
    return (r * (s * terms.q + v**2) + v) / np.sqrt(s * _compute_scale(terms, r))


def compute_margin(terms: NoiseTerms, r: npt.ArrayLike) -> np.ndarray:
    """Return the margin of the training set, 1/‖ŵ‖ = √(D/s): the largest ε at which it is separable; of r's shape.

    It rises with r above r = −v/(sq + v²), and falls below.
    """
    return np.sqrt(_compute_scale(terms, np.asarray(r, dtype=float)) / terms.s)


def compute_robust_error(mixture: Mixture, alignment: npt.ArrayLike, epsilon: npt.ArrayLike) -> np.ndarray:
    """Return R = Σ_k p_k P(Z > r_k g − ε), the test error at radius ε of a unit vector with w·η = g; they broadcast."""
    from scipy.special import ndtr

    g, radius = np.asarray(alignment, dtype=float)[..., None], np.asarray(epsilon, dtype=float)[..., None]
    return (mixture.shares * ndtr(radius - mixture.distances * g)).sum(axis=-1)


def compute_trained_error(mixture: Mixture, terms: NoiseTerms, r: float, epsilon: npt.ArrayLike) -> np.ndarray:
    """Return the robust test error R(r, ε) after adversarial training at ε on the component at distance r.

    Raises ValueError if an ε is not below the margin, where training does not converge to the max-margin vector.
    """
    margin = float(compute_margin(terms, r))
    if not ((np.asarray(epsilon) >= 0) & (np.asarray(epsilon) < margin)).all():
        raise ValueError(
            f"ε: found {np.asarray(epsilon).tolist()}; expected at least 0 and less than {margin:.6g}, the margin of a "
            f"training set at r = {r:g}, above which it is not separable"
        )
    return compute_robust_error(mixture, compute_alignment(terms, r), epsilon)


def interpolate(inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return ŵ = Xᵀ(XXᵀ)⁻¹y, (m,), and whether it is the max-margin vector: all αᵢyᵢ > 0 in α = (XXᵀ)⁻¹y.

    Raises ValueError if there are not fewer examples than dimensions.
    """
    check_labels(inputs, labels)
    _check_dimensions(*inputs.shape)
    alpha = np.linalg.solve(inputs @ inputs.T, labels)
    return inputs.T @ alpha, bool((alpha * labels > 0).all())


def place_training_set(r: float, noise: np.ndarray, labels: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the inputs X = r y ηᵀ + Q, (n, m)."""
    return r * np.outer(labels, direction) + noise


def simulate_robust_error(
    mixture: Mixture,
    weights: np.ndarray,
    direction: np.ndarray,
    epsilons: npt.ArrayLike,
    points: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """Attack random test points and count errors, for classifiers in the rows of `weights` (C, m).

    Return a row for each classifier (`row`) and each `epsilon`: `error`, its binomial standard error `se`, and `n`
    points. All rows see the same points. The adversary moves a point by ε against the classifier, and is measured
    after the move.
    """
    radii = np.asarray(epsilons, dtype=float)
    norms = np.linalg.norm(weights, axis=1)
    wrong = np.zeros((len(weights), len(radii)))
    chunk = max(1, MEGABYTES * 2**20 // (8 * len(direction)))
    for start in range(0, points, chunk):
        count = min(chunk, points - start)
        labels = generator.choice((-1.0, 1.0), count)
        distances = generator.choice(mixture.distances, count, p=mixture.shares)
        inputs = generator.standard_normal((count, len(direction))) + np.outer(labels * distances, direction)
        for row, (vector, norm) in enumerate(zip(weights, norms, strict=True)):
            outputs = inputs @ vector  # an adversary x − ε y w/‖w‖ has w·x − ε y ‖w‖
            wrong[row] += [(labels * (outputs - radius * labels * norm) < 0).sum() for radius in radii]
    error = wrong / points
    index = pd.MultiIndex.from_product([range(len(weights)), radii], names=["row", "epsilon"])
    found = pd.DataFrame({"error": error.ravel()}, index).reset_index()
    return found.assign(se=np.sqrt(found["error"] * (1 - found["error"]) / points), n=points)


def _compute_scale(terms: NoiseTerms, r: np.ndarray) -> np.ndarray:
    """Return D = r²sq + (rv + 1)²."""
    return r**2 * terms.s * terms.q + (r * terms.v + 1) ** 2


def _check_dimensions(n: int, m: int) -> None:
    if n >= m:
        raise ValueError(
            f"{n} examples in {m} dimensions: expected fewer examples than dimensions, as the classifier interpolates"
        )
