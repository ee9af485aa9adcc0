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
    """Return which points no other dominates, (..., points, objectives) -> (..., points) bool; NaN is on no front."""
    found: np.ndarray = ~dominates(points, points).any(axis=-2) & np.isfinite(points).all(axis=-1)
    return found
