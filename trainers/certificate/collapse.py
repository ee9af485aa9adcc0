"""Seeds whose training collapsed: they fell far below the others of their configuration.

A mean over seeds of which a few collapse describes none of them, and their variance would leave every verdict open.
They are counted and reported beside means and verdicts, which are of the other seeds.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import gammaincinv

GAP = 8.0  # points between a collapsed seed and the next better one, at least
GAP_DEVIATIONS = 6.0  # typical standard deviations between them, at least


def find_collapsed(values: np.ndarray, gap: float = GAP) -> np.ndarray:
    """Return which seeds collapsed, (..., configurations, seeds, objectives) -> (..., configurations, seeds) bool.

    The values of a configuration are sorted from the top. All below the first gap between neighbours above `gap` and
    above GAP_DEVIATIONS typical standard deviations are collapsed; one objective is enough. NaN: no such seed. −inf: a
    seed that diverged, which counts as collapsed.
    """
    if not values.shape[-2]:
        return np.zeros(values.shape[:-1], dtype=bool)
    measured = np.isfinite(values)
    least = np.maximum(gap, GAP_DEVIATIONS * _find_typical_deviation(np.where(measured, values, np.nan)))
    ranked = -np.sort(-np.where(measured, values, np.nan), axis=-2)  # NaN last
    wide = ranked[..., :-1, :] - ranked[..., 1:, :] > least[..., None, None, :]
    end = np.ones_like(ranked[..., :1, :], dtype=bool)
    first = np.concatenate([wide, end], axis=-2).argmax(axis=-2)
    floor = np.take_along_axis(ranked, first[..., None, :], axis=-2)
    with np.errstate(invalid="ignore"):
        return np.logical_or((values < floor).any(axis=-1), np.isneginf(values).any(axis=-1))


def _find_typical_deviation(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of a typical configuration, (..., objectives), robust to collapsed seeds.

    It is the root of the median of the variances, each divided by the median of its distribution under normal seeds; 0
    without two seeds in any configuration.
    """
    freedom = np.isfinite(values).sum(axis=-2) - 1
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of configurations without two seeds
        variance = np.nanvar(values, axis=-2, ddof=1)
        nu = np.where(freedom > 0, freedom, np.nan)
        typical = np.nanmedian(variance / (2 * gammaincinv(nu / 2, 0.5) / nu), axis=-2)
    deviation: np.ndarray = np.sqrt(np.nan_to_num(typical))
    return deviation
