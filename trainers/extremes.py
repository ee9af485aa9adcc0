"""The friendliest and most problematic examples of each class, which galleries show."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

PER_CLASS = 5  # at each end
MAX_CLASSES = 10  # the first ones are shown


def select_extremes(rank: np.ndarray, member: np.ndarray, count: int = PER_CLASS) -> np.ndarray:
    """Select the friendliest and the most problematic members, (2 count,); -1 where a class has too few."""
    order = np.flatnonzero(member)
    order = order[np.argsort(rank[order], kind="stable")]
    half = min(count, len(order) // 2)
    chosen = np.full(2 * count, -1)
    chosen[:half] = order[:half]
    chosen[2 * count - half :] = order[len(order) - half :]
    return chosen


def select_gallery(rank: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Select the extremes of each class that a gallery shows, (classes, 2 PER_CLASS)."""
    return np.stack([select_extremes(rank, y == label) for label in np.unique(y)[:MAX_CLASSES]])


def list_gallery(ranks: Iterable[np.ndarray], y: np.ndarray) -> np.ndarray:
    """List the positions of all examples in the galleries by some ranks, (n,), ascending."""
    places = np.unique(np.concatenate([select_gallery(rank, y).ravel() for rank in ranks]))
    return places[places >= 0]
