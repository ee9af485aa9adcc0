"""What a curve shows that never overfits: the floor of best − last, and the fall along the plateau that tells it apart.

Best − last is a maximum over noisy evaluations less one of them, so it is positive for every curve. Its *floor* is its
expectation for a curve with the same scatter whose true accuracy never falls. Whether a curve does fall is decided by
the trend over the whole *plateau*, the evaluations after the climb: the last evaluation alone is as noisy as any other.

The scatter of evaluations about the trend is that of one network from one evaluation to the next, on one test set of N
images: s² = c / 2N + m². c is the share of the images that only one of the two evaluations has right, and m the scatter
of the network's own accuracy. On 1,079 digits s is 0.2 to 0.3 points after the last drop of the learning rate, and 0.5
to 0.8 between two drops (c of 1 to 14 % if m = 0); at these c and m = 0 it is 0.2 to 0.8 points on 1,000 images, and
0.1 to 0.3 on 10,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.measures.stats import t_quantile

FEWEST, ENOUGH = 3, 6  # second differences: with fewer than the first, scatter cannot be estimated
LEVEL = 1.5  # standard errors: a fitted accuracy within so many of the last one has ended its climb
SHORTEST = 6  # evaluations from which a trend is told
WANDER = 0.9  # the largest correlation of neighbouring evaluations that a plateau is credited with
DROP = 0.5  # a learning rate that falls to this fraction or less within one evaluation has dropped


class AccuracyCurve(NamedTuple):
    """Robust test accuracy along one trial."""

    accuracy: np.ndarray  # (T,)
    lr: np.ndarray  # (T,)


class DifferenceSum(NamedTuple):
    """The sum of absolute second differences of some curves, from which scatter is estimated."""

    total: float = 0.0
    n: int = 0

    @property
    def scatter(self) -> float:
        """The standard deviation of evaluations about the trend; NaN for too few differences.

        The mean absolute value of a normal is sqrt(2/pi) times its standard deviation, here sqrt(6) s.
        """
        return self.total / self.n * math.sqrt(math.pi / 12) if self.n >= FEWEST else math.nan


class Fall(NamedTuple):
    """How far the line through a plateau falls, with the 95 % t-interval, in [0, 1]; NaN for a short plateau."""

    mean: float = math.nan
    lo: float = math.nan
    hi: float = math.nan


class Floor(NamedTuple):
    """The best − last that one configuration would show without overfitting, in [0, 1], and its fall."""

    gap: float  # NaN if the scatter is not known
    evaluations: int  # on the plateau
    borrowed: bool  # whether the scatter is that of the whole setting
    fall: Fall


def estimate_floor(curves: Sequence[AccuracyCurve], others: DifferenceSum | None = None) -> Floor:
    """Estimate the floor of one configuration's seeds, and how far they fall along their plateau.

    The floor is E[max - last] of independent normal evaluations about the curve of `fit_climb`, with the scatter of
    `estimate_scatter`. If neighbouring evaluations agree by more than their trend, the scatter is too small and so is
    the floor. The fall is that along the plateau, but along SHORTEST evaluations at least: one high evaluation at the
    end would leave a flat curve no plateau.
    """
    if not curves:
        return Floor(math.nan, 0, False, Fall())
    climb = fit_climb(curves)
    start, last = find_plateau(climb), max(0, len(climb) - SHORTEST)
    scatter, borrowed = estimate_scatter(curves, start, others or DifferenceSum())
    fall = fit_fall(np.stack([curve.accuracy[min(start, last) : len(climb)] for curve in curves]))
    return Floor(expect_gap(climb, scatter), len(climb) - start, borrowed, fall)


def estimate_scatter(curves: Sequence[AccuracyCurve], start: int, others: DifferenceSum) -> tuple[np.ndarray, bool]:
    """Estimate the scatter of each evaluation, (T,), and say whether it is borrowed from other curves.

    It is that on the plateau, at each learning rate by itself if there are several: it falls to a half or less where
    the rate drops. A rate with fewer than FEWEST second differences, and evaluations before the plateau, have that of
    the whole plateau, as the bend of a climb looks like scatter. If the plateau has fewer than ENOUGH, those of
    `others`, the plateaus of the setting, are added; if these are too few as well, the last SHORTEST evaluations count.
    """
    length = min(len(curve.accuracy) for curve in curves)
    own = sum_differences(second_differences(curves, start))
    pooled = DifferenceSum(own.total + others.total, own.n + others.n)
    if own.n < ENOUGH <= pooled.n:
        return np.full(length, pooled.scatter), True
    if own.n < ENOUGH:
        start = min(start, max(0, length - SHORTEST))
    whole = sum_differences(second_differences(curves, start)).scatter
    found = np.full(length, whole)
    drops = (start + find_drops(curves[0].lr[start:length])).tolist()
    for begin, end in zip([start, *drops], [*drops, length], strict=True):
        cut = [AccuracyCurve(curve.accuracy[begin:end], curve.lr[begin:end]) for curve in curves]
        part = sum_differences(second_differences(cut, 0)).scatter
        found[begin:end] = whole if math.isnan(part) else part
    return found, False


def fit_climb(curves: Sequence[AccuracyCurve]) -> np.ndarray:
    """Fit the curve that climbs and never falls to the mean over seeds, (T,); it ends in a plateau of equal values.

    It is the isotonic least-squares fit (Barlow, Bartholomew, Bremner and Brunk 1972). Noise alone makes the fit of a
    flat curve climb, so values within LEVEL standard errors of the last one are raised to it, by the scatter of the
    later half. If that is not known, none is.
    """
    from scipy.optimize import isotonic_regression

    mean = average_curves(curves)
    fitted = np.asarray(isotonic_regression(mean).x)
    s = sum_differences(second_differences(curves, len(mean) // 2)).scatter
    reach = 0.0 if math.isnan(s) else LEVEL * s / math.sqrt(len(curves))
    return np.where(fitted >= fitted[-1] - reach, fitted[-1], fitted)


def find_plateau(climb: np.ndarray) -> int:
    """Return where the plateau of a fitted curve starts: where it has its last value."""
    return int(np.argmax(climb == climb[-1]))


def average_curves(curves: Sequence[AccuracyCurve]) -> np.ndarray:
    """Return the mean accuracy over seeds, as long as the shortest curve, (T,)."""
    length = min(len(curve.accuracy) for curve in curves)
    return np.asarray(np.mean([curve.accuracy[:length] for curve in curves], axis=0))


def fit_fall(plateau: np.ndarray) -> Fall:
    """Fit a line to each seed's plateau, (seeds, T), and return the mean fall along them with its t-interval.

    The interval is of these trainings: it holds what evaluations scatter about parabolas, not how trends differ between
    seeds. Parabolas, because a curve that stays flat and then falls bends, and about a line its bend would count as
    scatter. A plateau wanders: neighbouring evaluations agree. With the lag-1 correlation r of the residuals T
    evaluations count as T (1 - r) / (1 + r) (Santer et al. 2000, Eq. 6). r is corrected for its bias, -(3 + 5 r) / T
    after fitting a parabola (-(2 + 4 r) / T after a line: van Giersbergen 2005).
    """
    seeds, length = plateau.shape
    if length < SHORTEST:
        return Fall()
    centred = np.arange(length) - (length - 1) / 2
    bend = centred**2 - (centred @ centred) / length
    squares, freedom = float(centred @ centred), seeds * (length - 3)
    slopes, bends = plateau @ centred / squares, plateau @ bend / (bend @ bend)
    residuals = plateau - plateau.mean(axis=1, keepdims=True) - slopes[:, None] * centred - bends[:, None] * bend
    variance = float((residuals**2).sum()) / freedom
    known = float((residuals[:, 1:] * residuals[:, :-1]).sum()) / (freedom * variance) if variance else 0.0
    r = min(max((length * known + 3) / (length - 5), 0.0), WANDER)
    error = (length - 1) * math.sqrt(variance / squares / seeds * (1 + r) / (1 - r))
    fall = -(length - 1) * float(slopes.mean())
    half = error * t_quantile(freedom + 1)
    return Fall(fall, fall - half, fall + half)


def expect_gap(level: np.ndarray, s: np.ndarray) -> float:
    """Return E[max - last] of independent normal evaluations with means `level` (T,) and standard deviations `s` (T,).

    E[max] is the integral of 1 - P(max <= x), where P is the product of the T distribution functions.
    """
    from scipy.special import ndtr

    widest = float(s.max())
    if not widest > 0:
        return float(level.max() - level[-1]) if widest == 0 else math.nan
    x, step = np.linspace(level.max() - 7 * widest, level.max() + 7 * widest, 281, retstep=True)
    high = level > level.max() - 12 * widest  # an evaluation further down is never the maximum
    below = ndtr((x[:, None] - level[high]) / np.maximum(s[high], step)).prod(axis=1)
    top = x[0] + step * (np.sum(1 - below) - (2 - below[0] - below[-1]) / 2)
    return float(top - level[-1])


def sum_differences(differences: np.ndarray) -> DifferenceSum:
    """Sum second differences of curves; the sum of a setting is computed once for all its configurations."""
    return DifferenceSum(float(np.abs(differences).sum()), len(differences))


def plateau_differences(curves: Sequence[AccuracyCurve]) -> np.ndarray:
    """Return the second differences on the common plateau of one configuration's seeds."""
    return second_differences(curves, find_plateau(fit_climb(curves))) if curves else np.empty(0)


def second_differences(curves: Sequence[AccuracyCurve], start: int) -> np.ndarray:
    """Return second differences x[t-1] - 2 x[t] + x[t+1] from evaluation `start` on, cut where the learning rate drops.

    They cancel a linear trend and have variance 6 s^2 (Gasser, Sroka and Jennen-Steinmetz 1986).
    """
    pieces = [np.empty(0)]
    for curve in curves:
        accuracy, lr = curve.accuracy[start:], curve.lr[start:]
        pieces += [np.diff(piece, n=2) for piece in np.split(accuracy, find_drops(lr))]
    return np.concatenate(pieces)


def find_drops(lr: np.ndarray) -> np.ndarray:
    """Return the positions at which a learning rate has dropped since the one before."""
    return np.asarray(1 + np.flatnonzero(lr[1:] <= DROP * lr[:-1]))
