"""Dominance between the points of each study."""

from __future__ import annotations

import numpy as np


def dominates(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return for each pair [..., i, j] whether row i dominates row j of `others`; higher is better.

    Both are (..., points, objectives). A point with a NaN dominates none and is dominated by none.
    """
    one, other = rows[..., :, None, :], others[..., None, :, :]
    return np.logical_and((one >= other).all(axis=-1), (one > other).any(axis=-1))


def find_front(points: np.ndarray) -> np.ndarray:
    """Return which points no other dominates, (..., points, objectives) -> (..., points) bool; NaN is on no front.

    Equal points stay together. Two objectives are sorted, as fronts of a thousand points are drawn a thousand times.
    """
    if points.shape[-1] == 2:
        return _sweep_front(points)
    found: np.ndarray = ~dominates(points, points).any(axis=-2) & np.isfinite(points).all(axis=-1)
    return found


def _sweep_front(points: np.ndarray) -> np.ndarray:
    """Go through points by falling first objective: the second of each that stays is above all before it."""
    finite = np.isfinite(points).all(axis=-1)
    x, y = (np.where(finite, points[..., axis], -np.inf) for axis in (0, 1))
    order = np.lexsort((-y, -x), axis=-1)
    x, y = np.take_along_axis(x, order, axis=-1), np.take_along_axis(y, order, axis=-1)
    same = np.zeros_like(finite)
    same[..., 1:] = (x[..., 1:] == x[..., :-1]) & (y[..., 1:] == y[..., :-1])
    best = np.full_like(y, -np.inf)
    best[..., 1:] = np.maximum.accumulate(y, axis=-1)[..., :-1]
    first = np.maximum.accumulate(np.where(same, 0, np.arange(y.shape[-1])), axis=-1)  # of equal points
    stays = np.take_along_axis(y > best, first, axis=-1)
    found = np.zeros_like(finite)
    np.put_along_axis(found, order, stays, axis=-1)
    return found & finite
