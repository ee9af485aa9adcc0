"""Means over seeds, their standard errors, and how both are written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

POINTS = 100.0  # accuracies are in [0, 1] and are written in percent, their differences in points


class Estimate(NamedTuple):
    """A mean over n seeds; the standard error of one seed does not exist and is NaN."""

    mean: float
    se: float
    n: int

    def text(self, signed: bool = False) -> str:
        """In percent or points: "73.4 ± 0.2"; one seed has no "±", what is not known is a dash."""
        if self.n == 0 or math.isnan(self.mean):
            return "–"
        mean = f"{POINTS * self.mean:{'+' if signed else ''}.1f}".replace("-", "−")
        return mean if math.isnan(self.se) else f"{mean} ± {POINTS * self.se:.1f}"

    def beyond(self, times: float = 2.0) -> int:
        """-1, 0 or 1: whether the mean lies more than so many standard errors below or above zero."""
        return 0 if math.isnan(self.se) or abs(self.mean) <= times * self.se else int(math.copysign(1, self.mean))


def estimate(values: npt.ArrayLike) -> Estimate:
    """Mean and standard error of the finite values: s.e. = standard deviation (n - 1) over the root of n."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    mean = float(array.mean()) if n else math.nan
    se = float(array.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Estimate(mean, se, n)


def means(table: pd.DataFrame, keys: Sequence[pd.Series]) -> pd.DataFrame:
    """`estimate` of each column over the groups that keys make, at once: its mean, and its `_se` and `_n`."""
    groups = table.where(np.isfinite(table.astype(float))).astype(float).groupby(list(keys), sort=False)
    parts = (groups.mean(), groups.sem().add_suffix("_se"), groups.count().add_suffix("_n"))
    return pd.concat(parts, axis=1)


def seeds(n: int) -> str:
    """A number of seeds in words."""
    return counted(n, "seed")


def seeds_of(counts: Iterable[int]) -> str:
    """The numbers of seeds of several configurations in words: "3 seeds", "2 to 4 seeds"."""
    known = {int(count) for count in counts} or {0}
    return f"{min(known)} to {seeds(max(known))}" if len(known) > 1 else seeds(max(known))


def counted(n: int, noun: str) -> str:
    """So many of them."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
