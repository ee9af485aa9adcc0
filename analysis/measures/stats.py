"""Means over seeds, their standard errors, and the text of both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from trainers.formatting import format_count

POINTS = 100.0  # accuracies are in [0, 1] and are written in percent, their differences in points
EXACT = 9  # digits to which sums in another order agree, so that 13.75 is written the same everywhere
CONFIDENCE = 0.95  # of intervals


class Estimate(NamedTuple):
    """A mean over n seeds, with its standard error, which is NaN for one seed.

    limit: what the mean is at most where it is unknown; NaN if nothing is known of it.
    """

    mean: float
    se: float
    n: int
    limit: float = math.nan

    def text(self, signed: bool = False) -> str:
        """Return it in percent or points: "73.4 ± 0.2"; without "±" for one seed.

        If the mean is unknown: "≤ 75.1", or a dash.
        """
        if self.n == 0 or math.isnan(self.mean):
            return "–" if math.isnan(self.limit) else f"≤ {POINTS * self.limit:.1f}"
        mean, se = (round(POINTS * value, EXACT) for value in (self.mean, self.se))
        text = f"{mean:{'+' if signed else ''}z.1f}".replace("-", "−")
        return text if math.isnan(se) else f"{text} ± {se:.1f}"

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % t-interval of the mean; NaN for one seed."""
        return self.se * t_quantile(self.n)


def estimate(values: npt.ArrayLike) -> Estimate:
    """Estimate the mean of the finite values: s.e. = standard deviation (n - 1) over the root of n."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    mean = float(array.mean()) if n else math.nan
    se = float(array.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Estimate(mean, se, n)


def estimate_last_axis(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Apply `estimate` to the last axis, (..., n) -> means, standard errors and counts, (...) each."""
    known = np.isfinite(values)
    counts, filled = known.sum(axis=-1), np.where(known, values, 0.0)
    means, errors = np.full((2, *counts.shape), np.nan)
    np.divide(filled.sum(axis=-1), counts, out=means, where=counts > 0)
    squares = np.where(known, filled - means[..., None], 0.0) ** 2
    np.divide(squares.sum(axis=-1), (counts - 1) * counts, out=errors, where=counts > 1)
    return means, np.sqrt(errors), counts


@cache
def t_quantile(n: int) -> float:
    """Return how many standard errors the 95 % t-interval of n seeds spans to a side: 12.7 for two, 4.3 for three."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) if n > 1 else math.nan


def simultaneous_quantile(m: int, freedom: float) -> float:
    """Return the t quantile at 1 − (1 − 0.95^(1/m)) / 2, so that m intervals hold at once in 95 % (Šidák 1967).

    It says how many standard errors each spans to a side: 3.16 for 12 differences with 24 degrees of freedom.
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - (1 - CONFIDENCE ** (1 / m)) / 2))


def estimate_groups(table: pd.DataFrame, keys: Sequence[pd.Series]) -> pd.DataFrame:
    """Apply `estimate` to each column over the groups that `keys` make: its mean, and its `_se` and `_n`."""
    groups = table.where(np.isfinite(table.astype(float))).astype(float).groupby(list(keys), sort=False)
    parts = (groups.mean(), groups.sem().add_suffix("_se"), groups.count().add_suffix("_n"))
    return pd.concat(parts, axis=1)


def format_seeds(n: int) -> str:
    """Write a number of seeds: "1 seed", "3 seeds"."""
    return format_count(n, "seed")


def format_seed_counts(counts: Iterable[int], noun: str = "seed") -> str:
    """Write the numbers of seeds, or of others, of several configurations: "3 seeds", "2 to 4 seeds"."""
    known = {int(count) for count in counts} or {0}
    most = format_count(max(known), noun)
    return f"{min(known)} to {most}" if len(known) > 1 else most
