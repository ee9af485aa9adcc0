"""The values that a claim expects, and the verdict of an interval of the mean against them.

A claim holds if the whole 95 % t-interval of the mean over seeds lies among the expected values, and fails if it lies
outside them. For "about a within m" that is the test of equivalence of Schuirmann 1987 (two one-sided tests, here each
at 2.5 %). With several checks in one claim, an interval at 1 - 5 % / checks must lie outside for one of them to fail:
so a wrong verdict on a claim has a probability of at most 5 %, if the differences of seeds are normal. A verdict has
the interval that decided it: at 95 % if the check holds, else the wider one, by which it failed or did not.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.knobs import parse_share

ERROR = 0.05  # probability of a wrong verdict on a claim, at most
MOST_SEEDS = 999  # that a projection names
HOLDS, FAILS, UNSURE = "holds", "fails", "cannot say"
_NUMBER = r"[-+−]?[\d.]+(?:e[-+]?\d+)?(?:\s*/\s*\d+)?\s*%?"
_FORMS = {
    "above": re.compile(rf"(>=?)\s*({_NUMBER})"),
    "below": re.compile(rf"(<=?)\s*({_NUMBER})"),
    "about": re.compile(rf"about\s+({_NUMBER})\s+within\s+({_NUMBER})"),
    "in": re.compile(rf"in\s*\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]"),
}


class Expectation(NamedTuple):
    """The expected values: from `lo` to `hi`; the ends belong to them where `closed`."""

    text: str
    lo: float
    hi: float
    closed: bool = True


class Verdict(NamedTuple):
    """A verdict on one check."""

    word: str  # HOLDS, FAILS or UNSURE
    mean: float
    lo: float  # ends of the t-interval that decides, at 95 % if it holds, else at 1 - 5 % / checks; NaN of one seed
    hi: float
    n: int  # seeds
    needed: int | None  # seeds that would decide, projected from this mean and scatter; None if no number up to MOST


def parse_expectation(text: str) -> Expectation:
    """Parse an expectation. Raises ValueError that lists the allowed forms."""
    written = text.strip()
    for kind, form in _FORMS.items():
        if match := form.fullmatch(written):
            one, other = match.groups()
            if kind in ("above", "below"):
                bound, closed = _read(other), one.endswith("=")
                ends = (bound, math.inf) if kind == "above" else (-math.inf, bound)
                return Expectation(written, *ends, closed)
            ends = (
                (_read(one) - _read(other), _read(one) + _read(other))
                if kind == "about"
                else (_read(one), _read(other))
            )
            if ends[0] >= ends[1]:
                raise ValueError(f"{text!r} allows no values; write the smaller end first, and a margin above 0")
            return Expectation(written, *ends)
    raise ValueError(f"should be '> 0', '>= 0.9', '< 0', '<= 1', 'about 0 within 1.0' or 'in [-1, 1]'; got {text!r}")


def _read(text: str) -> float:
    value = parse_share(text.strip().replace("−", "-"))
    if not isinstance(value, float):
        raise ValueError(f"{text!r} is no number")
    return value


def judge(values: npt.ArrayLike, expected: Expectation, resolution: float = 0.0, checks: int = 1) -> Verdict:
    """Judge the values of the seeds, (n,), against an expectation.

    `resolution` is the step in which values are recorded; seeds that agree to it have the scatter of rounding. `checks`
    is the number of checks of the claim.
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    if n == 0:
        return Verdict(UNSURE, math.nan, math.nan, math.nan, 0, None)
    deviation = max(float(array.std(ddof=1)), resolution / math.sqrt(12)) if n > 1 else math.nan
    mean = float(array.mean())
    side = int(decide(np.array(mean), np.array(deviation), n, expected, checks))
    word = {1: HOLDS, -1: FAILS, 0: UNSURE}[side]
    half = float(t_half_width(np.array(deviation), n, ERROR if word == HOLDS else ERROR / checks))
    needed = n if side else _project(mean, deviation, n, expected, checks)
    return Verdict(word, mean, mean - half, mean + half, n, needed)


def decide(mean: np.ndarray, deviation: np.ndarray, n: int, expected: Expectation, checks: int = 1) -> np.ndarray:
    """Return 1 where a claim holds, -1 where it fails and 0 where n seeds cannot say.

    `mean` and `deviation` (n - 1) are of the values of the seeds, of any shape; NaN deviations decide nothing.
    """
    if n < 2:
        return np.zeros(np.shape(mean), dtype=int)
    half, wide = (t_half_width(deviation, n, error) for error in (ERROR, ERROR / checks))
    if expected.closed:
        inside = (mean - half >= expected.lo) & (mean + half <= expected.hi)
        outside = (mean - wide > expected.hi) | (mean + wide < expected.lo)
    else:
        inside = (mean - half > expected.lo) & (mean + half < expected.hi)
        outside = (mean - wide >= expected.hi) | (mean + wide <= expected.lo)
    return np.where(inside, 1, np.where(outside, -1, 0))


def t_half_width(deviation: np.ndarray, n: int, error: float) -> np.ndarray:
    """Return half the width of the t-interval of a mean of n seeds that errs with probability `error`; NaN for one."""
    from scipy.special import stdtrit

    return (
        deviation / math.sqrt(n) * float(stdtrit(n - 1, 1 - error / 2)) if n > 1 else np.full_like(deviation, math.nan)
    )


def _project(mean: float, deviation: float, n: int, expected: Expectation, checks: int) -> int | None:
    """Return the least number of seeds that would decide with this mean and scatter; None if up to MOST_SEEDS none."""
    if math.isnan(deviation):
        return None

    def decides(seeds: int) -> bool:
        return bool(decide(np.array(mean), np.array(deviation), seeds, expected, checks))

    if not decides(MOST_SEEDS):
        return None
    few, many = n, MOST_SEEDS  # the interval narrows with every seed
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if decides(middle) else (middle, many)
    return many
