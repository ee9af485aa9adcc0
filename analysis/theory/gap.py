"""Corollary 1 of Liu et al. 2021: whether training on harder examples costs more robust error as ε grows.

With r_i < r_j the gap is R(r_i, ε) − R(r_j, ε), the robust test error after training on the harder component less
that after training on the easier one. The corollary says that it rises with ε. That is false as stated: its proof
needs r_k g − ε > 0 for every component, and a separable training set does not give this. What holds: the derivative
of the gap is Σ_k p_k [φ(r_k g_i − ε) − φ(r_k g_j − ε)], and the density φ is larger at the argument nearer to 0. As
g_i < g_j, a summand is positive for ε below r_k (g_i + g_j) / 2 and negative above. So the gap rises up to the least
of these midpoints and falls from the largest on: it rises while a classifier of alignment (g_i + g_j) / 2 errs on at
most half of every component, and falls once it errs on at least half of each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.theory.interpolation import (
    Mixture,
    NoiseTerms,
    compute_alignment,
    compute_margin,
    compute_trained_error,
)

GRID = 2001  # values of ε among which `find_counterexample` looks


class Turn(NamedTuple):
    """Where the gap certainly rises and falls: it rises for ε in [0, `rises_to`] and falls for ε ≥ `falls_from`.

    Both are negative or 0 if no ε ≥ 0 is known to raise the gap.
    """

    rises_to: float
    falls_from: float


def compute_gap(mixture: Mixture, terms: NoiseTerms, hard: float, easy: float, epsilon: npt.ArrayLike) -> np.ndarray:
    """Return R(hard, ε) − R(easy, ε) for components at distances `hard` < `easy`, of ε's shape.

    Raises ValueError if `hard` is not the smaller one, or an ε is not below both margins.
    """
    _check_order(hard, easy)
    harder, easier = (compute_trained_error(mixture, terms, r, epsilon) for r in (hard, easy))
    return harder - easier


def bound_turn(mixture: Mixture, terms: NoiseTerms, hard: float, easy: float) -> Turn:
    """Return up to which ε the gap certainly rises, and from which ε it certainly falls.

    The first is the sufficient condition under which Corollary 1 holds: ε₂ ≤ min_k r_k (g_i + g_j) / 2. Raises
    ValueError if `hard` is not the smaller distance.
    """
    _check_order(hard, easy)
    middle = float(compute_alignment(terms, [hard, easy]).mean())
    used = mixture.distances[mixture.shares > 0]
    ends = used * middle
    return Turn(float(ends.min()), float(ends.max()))


class Counterexample(NamedTuple):
    """Two radii at which the training sets are separable and between which the gap falls."""

    epsilons: tuple[float, float]
    gaps: tuple[float, float]
    margin: float  # the smaller one of the two training sets


def find_counterexample(mixture: Mixture, terms: NoiseTerms, hard: float, easy: float) -> Counterexample | None:
    """Find where the gap falls farthest below its maximum while both training sets stay separable; None if it does not.

    Raises ValueError if `hard` is not the smaller distance.
    """
    _check_order(hard, easy)
    margin = float(compute_margin(terms, [hard, easy]).min())
    radii = np.linspace(0, margin, GRID, endpoint=False)
    gaps = compute_gap(mixture, terms, hard, easy, radii)
    top = int(gaps.argmax())
    low = top + int(gaps[top:].argmin())
    if low == top:
        return None
    return Counterexample((float(radii[top]), float(radii[low])), (float(gaps[top]), float(gaps[low])), margin)


def _check_order(hard: float, easy: float) -> None:
    if not 0 < hard < easy:
        raise ValueError(f"distances: found {hard:g} and {easy:g}; expected the harder, smaller one first")
