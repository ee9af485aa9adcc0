"""Means and variances over the seeds of configurations, without the seeds that collapsed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainers.certificate.collapse import GAP, find_collapsed
from trainers.certificate.variance import moderate_variance

MOST_DROPPED = 1 / 3  # of a configuration's seeds; with more of them collapsed no verdict on it is stated


class Samples(NamedTuple):
    """The seeds of each configuration at one look, as far as they did not collapse; (..., configurations, …)."""

    values: np.ndarray  # (..., seeds, objectives), NaN: no such seed, or a collapsed one
    seeds: np.ndarray  # with a value or collapsed
    measured: np.ndarray  # of these, those that did not diverge
    collapsed: np.ndarray  # of these seeds, those that diverged among them
    means: np.ndarray  # (..., objectives), of those left; NaN without any
    variance: np.ndarray  # (..., objectives), of one seed: the larger of the own and the moderated one
    freedom: np.ndarray  # (..., objectives), its degrees of freedom; 0 where it is unknown

    @property
    def kept(self) -> np.ndarray:
        """The number of seeds that did not collapse."""
        left: np.ndarray = self.seeds - self.collapsed
        return left

    @property
    def bounded(self) -> np.ndarray:
        """Return whether a configuration has two seeds left and a variance, so that its mean has bounds."""
        return np.logical_and(self.kept >= 2, (self.freedom > 0).all(axis=-1))

    @property
    def judged(self) -> np.ndarray:
        """Return whether a configuration has bounds, and at most a third of its seeds collapsed."""
        return np.logical_and(self.bounded, self.collapsed <= MOST_DROPPED * self.seeds)


def summarize_seeds(values: np.ndarray, gap: float = GAP) -> Samples:
    """Return the means and variances of configurations, from values (..., configurations, seeds, objectives).

    NaN: no such seed. −inf: a seed that diverged, which counts as collapsed. `gap`: see `find_collapsed`.
    """
    there = ~np.isnan(values).any(axis=-1)
    collapsed = find_collapsed(values, gap) & there
    kept = there & ~collapsed
    count = kept.sum(axis=-1)
    left = np.where(kept[..., None], values, np.nan)
    filled = np.where(kept[..., None], values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(axis=-2) / np.where(count > 0, count, np.nan)[..., None]
        squares = np.where(kept[..., None], (filled - means[..., None, :]) ** 2, 0.0).sum(axis=-2)
        own = squares / np.maximum(count - 1, 1)[..., None]
    freedom = np.broadcast_to(np.maximum(count - 1, 0)[..., None], own.shape)
    variance, degrees = moderate_variance(own, freedom)
    measured = (there & np.isfinite(values).all(axis=-1)).sum(axis=-1)
    return Samples(left, there.sum(axis=-1), measured, collapsed.sum(axis=-1), means, variance, degrees)
