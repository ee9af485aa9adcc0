"""Families of paired differences, each judged as a whole: pooled errors, simultaneous intervals, told or undecided.

A difference is told if its interval excludes 0. The intervals of a family hold at once, so that a study in which
nothing has an effect tells of any in about one of twenty cases, however many differences it compares.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.differences import CONTROL
from analysis.measures.power import count_further_seeds
from analysis.measures.stats import simultaneous_quantile
from analysis.results.axes import SEPARATOR
from analysis.results.sweep import Sweep
from analysis.results.trial_table import DIVERGED, mark_constant
from trainers.fewest_seeds import FEWEST_FREEDOM

ONE_POINT = 0.01
MOST_NAMED = 3  # values of an axis that are compared with its baseline
ROWS = ("setting", "family", "minuend", "subtrahend", "mean", "se", "n", "se_used", "lo", "hi", "p", "told", "more")


class Family(NamedTuple):
    """Differences that answer one question, in fractions of 1, and what they have in common."""

    axis: str  # the path of the axis that they compare values of; "subset" for subsets
    minuends: str  # what is compared, in words: a kind of subset, or values of the axis
    subtrahends: str  # with what: a kind of subset, or the baseline of the axis
    rows: pd.DataFrame  # a row a difference, as `judge_family` makes it
    sd: float  # pooled standard deviation of a difference between seeds; NaN for one seed
    freedom: int  # its degrees of freedom
    quantile: float  # standard errors to each side of a simultaneous interval; NaN if nothing is claimed
    one_point: float  # further seeds that would tell a difference of one point
    single: int  # differences of one seed, which have no interval and are left out of the rows
    uncounted: int = 0  # trainings of the study that diverged or name one class, whose seeds are in no difference

    @property
    def title(self) -> str:
        """The family in words: "friendly against random"."""
        return f"{self.minuends} against {self.subtrahends}"

    @property
    def claims(self) -> bool:
        """Return whether the seeds suffice for any claim."""
        return not math.isnan(self.quantile)


def collect_families(
    results: Sweep, subset_effects: pd.DataFrame, axis_effects: Mapping[str, pd.DataFrame], metric: str
) -> list[Family]:
    """Judge each family of the differences of a metric: one for each pair of kinds of subset, one for each other axis.

    `subset_effects` and `axis_effects` are tables of `compare_subsets` and `compare_axis`; `metric` is a column of
    trials, such as best_test_pgd20_acc. A family without a known difference is left out.
    """
    found, axes = [], results.axes
    table = subset_effects[subset_effects["metric"] == metric]
    names = _name_kinds(results) if len(table) else {}
    kinds = [[_find_kind(names, label) for label in table[side]] for side in ("minuend", "subtrahend")]
    for (minuends, subtrahends), rows in table.groupby(kinds, sort=False) if len(table) else ():
        found.append(judge_family("subset", str(minuends), str(subtrahends), rows))
    for path, effects in axis_effects.items():
        rows = effects[effects["metric"] == metric]
        baselines = dict.fromkeys(rows["subtrahend"].str.split(SEPARATOR).str[0])
        values = dict.fromkeys(rows["minuend"].str.split(SEPARATOR).str[0])
        named = ", ".join(values) if len(values) <= MOST_NAMED else f"other values of {axes.short[path]}"
        found.append(judge_family(path, named, ", ".join(baselines), rows))
    uncounted = _count_uncounted(results, metric)
    return [family._replace(uncounted=uncounted) for family in found if len(family.rows) or family.single]


def _count_uncounted(results: Sweep, metric: str) -> int:
    constant = mark_constant(results.completed, (metric.partition("_")[0],))
    return int(constant.sum() + (results.study_trials["status"] == DIVERGED).sum())


def _name_kinds(results: Sweep) -> dict[str, str]:
    """Return the kind of each subset, by the name that the label of a difference begins with."""
    paths = results.axes.subset
    rows = results.completed.drop_duplicates([*paths])
    return {
        results.axes.describe(dict(zip(paths, labels, strict=True)), paths): kind
        for *labels, kind in rows[[*paths, "subset_kind"]].itertuples(index=False)
    }


def _find_kind(kinds: Mapping[str, str], label: str) -> str:
    """Return the kind of the subset that a label of a difference begins with, by the longest name."""
    parts = label.split(SEPARATOR)
    names = (SEPARATOR.join(parts[:end]) for end in range(len(parts), 0, -1))
    return next(kinds[name] for name in names if name in kinds)


def judge_family(axis: str, minuends: str, subtrahends: str, differences: pd.DataFrame) -> Family:
    """Judge differences as one family, by columns mean, se and n: `lo`, `hi`, `p`, `told` and `more`, a row each.

    With m differences of n_i seeds, whose standard errors are se_i and whose pooled deviation is s (`pool_errors`):

    - se_used = max(se_i, s / √n_i). Own errors of three seeds are so uncertain that their intervals find nothing;
      pooled ones claim too much where deviations differ.
    - lo, hi = mean ∓ t(1 − (1 − 0.95^(1/m)) / 2, Σ(n_i − 1)) se_used (Šidák 1967: they hold at once in 95 % of studies
      at least, also if the differences depend on each other, as those from one control do).
    - p = 1 − (1 − p_i)^m, with p_i of the two-sided t test; p < 0.05 exactly where `told`, which says lo, hi exclude 0.
    - more = further seeds of all that would tell the difference, were it as large as estimated (`count_further_seeds`).

    With fewer than four degrees of freedom nothing is told, and these columns are NaN. A difference of one seed has no
    interval; it is counted in `single` instead.
    """
    known = differences[differences["n"] > 0]
    rows = known[known["n"] > 1].reset_index(drop=True)
    means, errors, counts = (rows[name].to_numpy(float) for name in ("mean", "se", "n"))
    used, sd, freedom = pool_errors(errors, counts)
    quantile = simultaneous_quantile(len(rows), freedom) if freedom >= FEWEST_FREEDOM else math.nan
    half = quantile * used
    told = np.abs(means) > half
    p, more, point = np.full(len(rows), math.nan), np.full(len(rows), math.nan), math.nan
    if not math.isnan(quantile):
        p = _find_p(means, used, freedom)
        point = count_further_seeds(ONE_POINT, sd, counts.min(), counts)
        for place in np.flatnonzero(~told):
            deviation = used[place] * math.sqrt(counts[place])
            more[place] = count_further_seeds(means[place], deviation, counts[place], counts)
    rows = rows.assign(se_used=used, lo=means - half, hi=means + half, p=p, told=told, more=more)
    return Family(axis, minuends, subtrahends, rows[list(ROWS)], sd, freedom, quantile, point, len(known) - len(rows))


def pool_errors(errors: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Return the standard errors to use, the pooled standard deviation s, and its degrees of freedom.

    s² = Σ (n_i − 1) n_i se_i² / Σ (n_i − 1). The error to use is the larger of a difference's own and s / √n_i.
    `errors` and `counts` are (m,), of two seeds at least; without any, s is NaN and has 0 degrees of freedom.
    """
    freedom = int((counts - 1).sum())
    sd = math.sqrt(((counts - 1) * counts * errors**2).sum() / freedom) if freedom else math.nan
    return np.maximum(errors, sd / np.sqrt(counts)), sd, freedom


def _find_p(means: np.ndarray, errors: np.ndarray, freedom: int) -> np.ndarray:
    """Return Šidák's adjusted p of each mean, 1 − (1 − p)^m."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):  # a difference of 0 that every seed has exactly
        t = np.where(means == 0, 0.0, np.abs(means) / errors)
        return np.asarray(-np.expm1(len(means) * np.log1p(-2 * stdtr(freedom, -t))))


def tabulate_families(families: Iterable[Family]) -> pd.DataFrame:
    """Tabulate the differences of all families: a row each, with `title`, `m`, `df` and `sd` of its family."""
    tables = [
        family.rows.assign(title=family.title, m=len(family.rows), df=family.freedom, sd=family.sd)
        for family in families
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def has_control(family: Family) -> bool:
    """Return whether a family compares subsets with random ones of equal size."""
    return family.axis == "subset" and CONTROL in family.subtrahends
