"""The seeds that a paired difference would take to be told from zero."""

from __future__ import annotations

import math

import numpy as np

from analysis.measures.stats import simultaneous_quantile

POWER = 0.8  # the probability of telling a difference that a number of seeds must have
MOST_SEEDS = 1000  # further ones; of more the number says nothing that a sweep could act upon


def count_further_seeds(effect: float, sd: float, n: float, counts: np.ndarray) -> float:
    """Return the least number k of further seeds of every difference that tells one of n seeds with power 0.8.

    It is the least k with P(T > `simultaneous_quantile(m, f)`) ≥ 0.8, where T is noncentral t with f = Σ(n_i + k − 1)
    degrees of freedom and noncentrality |effect| √(n + k) / sd. `effect` is the true difference and `sd` its standard
    deviation between seeds, both in fractions of 1; `counts` (m,) are the seeds of all differences of the family. The
    largest of many estimated effects is too large, and the number of seeds for it too small. Infinite beyond 1,000.
    """

    def suffices(k: int) -> bool:
        return find_power(effect, sd, n + k, float((counts + k - 1).sum()), len(counts)) >= POWER

    low, high = -1, 1  # power grows with the seeds; far above 0.8 the noncentral t cannot be evaluated
    while not suffices(high):
        if high >= MOST_SEEDS:
            return math.inf
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return float(high)


def find_power(effect: float, sd: float, n: float, freedom: float, m: int) -> float:
    """Return the probability that the interval of a true difference `effect`, one of m, excludes 0 on its side."""
    from scipy.special import nctdtr

    if sd == 0:
        return float(effect != 0)
    return 1 - float(nctdtr(freedom, abs(effect) * math.sqrt(n) / sd, simultaneous_quantile(m, freedom)))
