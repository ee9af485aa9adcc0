"""What the panel of a front says in words: what its points are, and which trials it does not show or rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.measures.front_curves import Curve
from analysis.measures.stats import format_seed_counts
from analysis.results.measurement_terms import Terms
from analysis.results.trial_table import COMPLETED, DIVERGED, STOPPED
from trainers.formatting import format_count

ENDED = (COMPLETED, DIVERGED, STOPPED)
EXCLUDED = {  # columns of points that count seeds, and why a configuration with such a seed is on no front
    "diverged": "diverged",
    "constant": "names one class for all",
    "unknown": "has an unknown accuracy (NaN)",
}


def describe_points(points: pd.DataFrame, key: Terms, when: str) -> str:
    """Say what a point is, of how many seeds, at which checkpoint (`when`), and under which attack."""
    text = f"Each point is a configuration, the mean of {format_seed_counts(points['n'])}, at the {when}."
    if points["n"].max() == 1:
        text += " One seed has no standard error: a demonstration, not evidence."
    return f"{text} Attack: {key.y}." if key.y else text


def describe_bounded(alive: pd.DataFrame, curves: Mapping[str, Curve]) -> Iterator[str]:
    """Say how many configurations have a bound alone, and how many of these may be on a front nevertheless."""
    bounded = alive[alive["y_bound"].notna()]
    if bounded.empty:
        return
    count, has = format_count(len(bounded), "configuration"), "has" if len(bounded) == 1 else "have"
    yield f"{count} {has} an upper bound alone (≤), not attacked, and no part in bands and intervals."
    own = [alive.loc[alive.index.intersection(curve.points)] for curve in curves.values()]
    for words, groups in (("the front", [alive]), ("the front of its curve", own)):
        if left := sum(map(_count_open, groups)):
            yield f"Not settled for {words}: {left} of them."
            return


def _count_open(points: pd.DataFrame) -> int:
    """Count the configurations with a bound that no verdict dominates."""
    verdicts = points.loc[points["y_bound"].isna(), ["x", "y"]].to_numpy()
    bounds = points.loc[points["y_bound"].notna(), ["x", "y_bound"]].to_numpy()
    beaten = (verdicts[:, None] >= bounds).all(axis=2) & (verdicts[:, None] > bounds).any(axis=2)
    return int((~beaten.any(axis=0)).sum())


def list_missing(points: pd.DataFrame, group: pd.DataFrame) -> Iterator[str]:
    """Say sweep by sweep which trials a front does not show, or shows and does not rank."""
    for sweep, trials in group.groupby("sweep", sort=False):
        prefix = f"{sweep}: " if group["sweep"].nunique() > 1 else ""
        missing = int((~trials["status"].isin(ENDED)).sum())
        if missing:
            yield f"{prefix}not finished: {missing} of {format_count(len(trials), 'trial')} without a result."
        shown = points[points["sweep"] == sweep]
        dropped = trials["configuration"].nunique() - len(shown)
        if dropped:
            yield f"{prefix}{format_count(dropped, 'configuration')} left out that completed no seed."
        left = shown
        for column, why in EXCLUDED.items():
            if count := int((left[column] > 0).sum()):
                yield f"{prefix}{format_count(count, 'configuration')} never on a front, as a seed {why}."
            left = left[left[column] == 0]
