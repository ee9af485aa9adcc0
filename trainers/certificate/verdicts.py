"""Verdicts on configurations, with a stated probability that any of them is false.

A configuration is *surely on* the front, *surely off* it, *within* the tolerance of it (no other configuration is
better by more in all objectives), or *open*. The probability that any verdict of a study is false is at most the stated
one, at whichever look the study stops and whichever configurations got the seeds: pairs are compared at a fixed list of
looks alone, by each configuration's first seeds, and the error is split over configurations and looks. "Off" needs
every objective, so that its error is split over rivals but not over objectives; "on" and "within" may fail against the
best rival alone, so that theirs is split over objectives but not over rivals (intersection-union tests, Berger 1982;
racing of Auer et al. 2016 and Kone, Kaufmann and Richert 2023). The claims are about the means of trainings that do not
collapse, on the images at hand, and rest on nearly normal seeds.

Nothing is stored: all looks are replayed from the values. A study that is continued, killed or run on more machines
therefore has the same verdicts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from trainers.certificate.collapse import GAP
from trainers.certificate.looks import FIRST, list_looks, spend_error
from trainers.certificate.samples import Samples, summarize_seeds

ERROR = 0.05
TOLERANCE = 2.0  # points
MOST_SEEDS = 20


@dataclass(frozen=True)
class Family:
    """The statements that are right together with probability 1 − error."""

    configurations: int  # all that are planned, of all problems together
    tolerance: tuple[float, ...] = (TOLERANCE, TOLERANCE)  # points, of each objective
    error: float = ERROR
    most: int = MOST_SEEDS  # seeds of a configuration
    gap: float = GAP  # points between a collapsed seed and the next better one
    objectives: tuple[str, ...] = ("clean", "robust")  # their names in sentences

    def tail_on(self, look: int) -> float:
        """Return the error of one bound that a configuration is not beaten, at a look counted from 0."""
        return spend_error(self.error, look) / (len(self.tolerance) * self.configurations)

    def tail_off(self, look: int) -> float:
        """Return the error of one bound that a configuration beats another, at a look counted from 0."""
        return spend_error(self.error, look) / (self.configurations * max(self.configurations - 1, 1))


@dataclass(frozen=True)
class Certificate:
    """The verdicts after a look. Arrays are (..., configurations) or (..., configurations, configurations)."""

    family: Family
    samples: Samples  # of each configuration's seeds so far
    unbeaten: np.ndarray  # [i, j] > 0: j is not better than i in all objectives; −inf while both had no common look
    nearly: np.ndarray  # [i, j] > 0: j is not better than i by the tolerance in all objectives
    beats: np.ndarray  # [i, j] > 0: i is better than j in all objectives

    @property
    def judged(self) -> np.ndarray:
        """Return whether a verdict on a configuration is stated: it has seeds enough, few of which collapsed."""
        return self.samples.judged & (self.samples.seeds >= FIRST)

    @property
    def off(self) -> np.ndarray:
        """Return whether a configuration is surely dominated. By whom is an example, not part of the statement."""
        found: np.ndarray = self.judged & (self.beats > 0).any(axis=-2)
        return found

    @property
    def on(self) -> np.ndarray:
        """Return whether a configuration is surely on the front."""
        return self.judged & ~self.off & self._holds(self.unbeaten > 0)

    @property
    def within(self) -> np.ndarray:
        """Return whether a configuration is surely within the tolerance of the front, and not surely on it."""
        return self.judged & ~self.off & ~self.on & self._holds(self.nearly > 0)

    @property
    def open(self) -> np.ndarray:
        """Return whether nothing is proved of a configuration yet."""
        return self.judged & ~self.off & ~self.on & ~self.within

    @property
    def distance(self) -> np.ndarray:
        """Return by how many points at most another configuration is better in all objectives; NaN if unknown.

        It holds for all configurations at once, so that it may be read for any of them and chosen afterwards.
        """
        shown = np.where(self._rivals, self.unbeaten, np.inf)
        farthest = np.maximum(-shown.min(axis=-1), 0.0)
        return np.where(self.judged & np.isfinite(farthest), farthest, np.nan)

    @property
    def blocks(self) -> np.ndarray:
        """Return [i, j]: whether j keeps the verdict on i open."""
        found: np.ndarray = self.open[..., :, None] & self._rivals & ~(self.nearly > 0)
        return found

    @property
    def wanting(self) -> np.ndarray:
        """Return whether a configuration needs further seeds: it is open, or keeps another open."""
        return self.open | self.blocks.any(axis=-2)

    @property
    def _rivals(self) -> np.ndarray:
        """Return [i, j]: whether j is another configuration that may dominate i.

        One that is surely off never does alone. One on which no verdict is stated, as its seeds collapse, may; only
        one that always diverges, or has fewer seeds than the first look, has no mean that could be better.
        """
        others = ~np.eye(self.beats.shape[-1], dtype=bool)
        exists = (self.samples.seeds >= FIRST) & (self.samples.measured >= 2)
        found: np.ndarray = (exists & ~(self.beats > 0).any(axis=-2))[..., None, :] & others
        return found

    def _holds(self, pairs: np.ndarray) -> np.ndarray:
        """Return whether a relation holds of a configuration to all its rivals."""
        found: np.ndarray = (pairs | ~self._rivals).all(axis=-1)
        return found


def certify(values: np.ndarray, family: Family, allocate: bool = False) -> Certificate | None:
    """Return the verdicts after the last look that the values reach; None if they reach none. See `replay`."""
    looks = deque(replay(values, family, allocate), maxlen=1)
    return looks[0] if looks else None


def replay(values: np.ndarray, family: Family, allocate: bool = False) -> Iterator[Certificate]:
    """Yield the verdicts after each look, from values (..., configurations, seeds, objectives) in percentage points.

    NaN: no such seed; it has none after it. −inf in an objective: a seed that diverged. All configurations with enough
    seeds take part in a look. With `allocate` only those that want seeds after the look before it do, as in a search
    that gives seeds in this way; the replay then ends before the first look for which one of them lacks seeds.
    """
    looks = list_looks(min(family.most, values.shape[-2]))
    if not looks:
        return
    there = ~np.isnan(values).any(axis=-1)
    available = np.where(there.all(axis=-1), there.shape[-1], there.argmin(axis=-1))
    taking, used = available >= 0, np.zeros_like(available)
    last = _start(values.shape, family)
    for look, n in enumerate(looks):
        reached = available >= n
        if allocate and look:  # studies side by side go on or end each by itself
            taking = taking & (~taking | reached).all(axis=-1, keepdims=True)
        present = taking & reached
        if not present.any():
            return
        used = np.where(present, n, used)
        allocated = (np.arange(n) < used[..., None])[..., None]
        samples = summarize_seeds(np.where(allocated, values[..., :n, :], np.nan), family.gap)
        last = _compare(last, samples, present & samples.bounded, look)
        yield last
        if allocate:
            taking = last.wanting


def _start(shape: tuple[int, ...], family: Family) -> Certificate:
    pairs = np.full((*shape[:-3], shape[-3], shape[-3]), -np.inf)
    return Certificate(family, summarize_seeds(np.full(shape, np.nan)), pairs, pairs, pairs)


def _compare(before: Certificate, samples: Samples, present: np.ndarray, look: int) -> Certificate:
    """Return the bounds after a look: the best of all looks so far for each pair, of those that are present."""
    family, error = before.family, samples.variance / np.maximum(samples.kept, 1)[..., None]
    with np.errstate(invalid="ignore"):
        reach_on, reach_off = (
            -stdtrit(samples.freedom, tail) for tail in (family.tail_on(look), family.tail_off(look))
        )
        unbeaten, nearly = np.full_like(before.beats, -np.inf), np.full_like(before.beats, -np.inf)
        beats = np.full_like(before.beats, np.inf)
        for d, tolerance in enumerate(family.tolerance):
            mean, square, on, off = (array[..., d] for array in (samples.means, error, reach_on, reach_off))
            lead = mean[..., :, None] - mean[..., None, :]
            deviation = np.sqrt(square[..., :, None] + square[..., None, :])
            # of two configurations the one with fewer degrees of freedom counts, and has the larger quantile
            least = lead - np.maximum(on[..., :, None], on[..., None, :]) * deviation
            unbeaten, nearly = np.maximum(unbeaten, least), np.maximum(nearly, least + tolerance)
            surely = lead - np.maximum(off[..., :, None], off[..., None, :]) * deviation
            beats = np.minimum(beats, surely)
    both = present[..., :, None] & present[..., None, :] & ~np.eye(present.shape[-1], dtype=bool)
    kept = (
        np.where(both, np.maximum(old, new), old)
        for old, new in ((before.unbeaten, unbeaten), (before.nearly, nearly), (before.beats, beats))
    )
    return Certificate(family, samples, *kept)
