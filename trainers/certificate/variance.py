"""The variance over seeds that a verdict goes by: the larger of a configuration's own and a shrunken common one.

Few seeds may agree by chance, so that a configuration's own variance alone is worthless; a pooled variance is wrong
where spreads differ. The shrunken variance of limma lies between both, and its maximum with the own variance keeps the
error where a few configurations spread far more than the others.
"""

from __future__ import annotations

import numpy as np
from scipy.special import polygamma, psi

FEWEST = 3  # configurations with a variance, for the spread of variances to be estimated
STEPS = 50  # of Newton's method, which takes about five


def moderate_variance(variance: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances to go by and their degrees of freedom, (..., configurations, objectives) each.

    `variance` and `freedom` are those of each configuration's seeds, in the same shape; 0 degrees: no variance. Returns
    NaN and 0 where a configuration has no seeds to tell by, or where no configuration has a variance above 0. With
    fewer than three of them each keeps its own. Smyth 2004, equations 6.2 and following, with pooled degrees of freedom
    as their upper limit.
    """
    known, nu = freedom > 0, np.where(freedom > 0, freedom, np.nan)
    own = np.where(known, variance, np.nan)
    fitted = known & (own > 0)
    total = np.where(known, freedom, 0).sum(axis=-2, keepdims=True).astype(float)
    prior, prior_freedom = _fit_prior(own, nu, fitted, total)
    shrunken = (prior_freedom * prior + nu * own) / (prior_freedom + nu)
    enough = fitted.sum(axis=-2, keepdims=True) >= FEWEST
    found = np.where(enough, np.maximum(own, shrunken), own)
    degrees = np.where(enough, np.minimum(prior_freedom + nu, total), nu)
    usable = known & (found > 0)  # seeds that are all equal prove nothing
    return np.where(usable, found, np.nan), np.where(usable, degrees, 0.0)


def _fit_prior(own: np.ndarray, nu: np.ndarray, fitted: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the common variance and its degrees of freedom, (..., 1, objectives) each."""
    count = np.maximum(fitted.sum(axis=-2, keepdims=True), 1)

    def average(values: np.ndarray) -> np.ndarray:
        mean: np.ndarray = np.where(fitted, values, 0.0).sum(axis=-2, keepdims=True) / count
        return mean

    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(own) - psi(nu / 2) + np.log(nu / 2)
        mean = average(logs)
        spread = average((logs - mean) ** 2) * count / np.maximum(count - 1, 1) - average(polygamma(1, nu / 2))
        half = invert_trigamma(np.where(spread > 0, spread, 1.0))
        pooled = np.where(np.isfinite(own), nu * own, 0.0).sum(axis=-2, keepdims=True) / np.maximum(total, 1.0)
        prior = np.where(spread > 0, np.exp(mean + psi(half) - np.log(half)), pooled)
    return prior, np.minimum(np.where(spread > 0, 2 * half, np.inf), total)


def invert_trigamma(values: np.ndarray) -> np.ndarray:
    """Return the y > 0 of which polygamma(1, y) are the values, by Newton's method (Smyth 2004, appendix)."""
    values = np.asarray(values, dtype=float)
    y = 0.5 + 1 / values
    for _ in range(STEPS):
        trigamma = polygamma(1, y)
        step = trigamma * (1 - trigamma / values) / polygamma(2, y)
        y = y + step
        if (np.abs(step) <= 1e-10 * y).all():
            break
    inverse: np.ndarray = np.where(values > 1e7, values**-0.5, np.where(values < 1e-6, 1 / values, y))
    return inverse
