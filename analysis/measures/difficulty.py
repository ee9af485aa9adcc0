"""The rankings of a sweep: how they rank flipped labels and classes, and how the ranked groups train."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.results.instances import Instances, locate
from analysis.results.rankings import Ranking
from analysis.results.sweep import Sweep
from trainers.scores import top_membership

GROUPS = 10
CURVES = ("loss", "correct", "feature_norm", "t_max")


class Detection(NamedTuple):
    """The quality of a ranking as a detector of flipped labels."""

    flipped: int
    found: float  # how many are among the `flipped` most problematic examples; ties at the edge count on average
    auc: float  # probability that a flipped example ranks above one that is not


class GroupCurves(NamedTuple):
    """Means over the examples of each difficulty group G0 (hardest) to G9, and over profiling trials."""

    curves: dict[str, np.ndarray]  # name -> (10, T)
    errors: dict[str, np.ndarray]  # name -> (10, T) standard errors over the trials, NaN for one
    sizes: np.ndarray  # (10,)
    trials: int


def open_profiles(results: Sweep, ranking: Ranking) -> list[Instances]:
    """Open the per-example records of the trials from which a ranking was computed."""
    found = [results.instances(trial) for trial in ranking.trials]
    return [instances for instances in found if instances is not None]


def measure_detection(rank: np.ndarray, is_flipped: np.ndarray) -> Detection | None:
    """Measure how well a ranking puts flipped labels last; None if no label, or every label, is flipped."""
    n = int(is_flipped.sum())
    if n in (0, len(rank)):
        return None
    ordinal = pd.Series(rank).rank().to_numpy()
    auc = (ordinal[is_flipped].sum() - n * (n + 1) / 2) / (n * (len(rank) - n))
    return Detection(n, float(top_membership(rank, n) @ is_flipped), float(auc))


def assign_groups(d: np.ndarray) -> np.ndarray:
    """Assign each example to a group by its difficulty d: G_i with i = min(floor(10 d), 9); G_0 is the hardest.

    Liu et al. 2021, sec. 4.2. Their text to Figure 14 numbers the groups in the opposite order.
    """
    return np.asarray(np.minimum(np.floor(GROUPS * d).astype(int), GROUPS - 1))


def compute_difficulty(ranking: Ranking) -> np.ndarray:
    """Return d in [0, 1], 0 the hardest: one minus the rank by mean loss, else by the ranking's own score."""
    return 1 - ranking.ranks.get("difficulty", ranking.rank)


def compute_group_curves(results: Sweep, ranking: Ranking) -> GroupCurves | None:
    """Average the loss, accuracy under attack and feature norm of each group along training; None without records."""
    group = assign_groups(compute_difficulty(ranking))
    found: dict[str, list[np.ndarray]] = {}
    records = open_profiles(results, ranking)
    for instances in records:
        place = locate(ranking.index, instances.index)
        known = place >= 0
        for name in CURVES:
            if name in instances:
                curve = instances[name][:, place[known]]
                found.setdefault(name, []).append(compute_group_means(curve, group[known]))
    if not found:
        return None
    shortest = {name: min(curve.shape[1] for curve in curves) for name, curves in found.items()}
    whole = {name: np.stack([curve[:, : shortest[name]] for curve in curves]) for name, curves in found.items()}
    means = {name: curves.mean(axis=0) for name, curves in whole.items()}
    errors = {name: _standard_errors(curves) for name, curves in whole.items()}
    return GroupCurves(means, errors, np.bincount(group, minlength=GROUPS), len(records))


def _standard_errors(curves: np.ndarray) -> np.ndarray:
    """Return the standard errors over the first axis; NaN if it has length one."""
    n = len(curves)
    return np.asarray(curves.std(axis=0, ddof=1) / np.sqrt(n)) if n > 1 else np.full(curves.shape[1:], np.nan)


def compute_group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Average (T, N) values over the examples of each group, without NaN: (10, T)."""
    members = np.eye(GROUPS)[group]  # (N, 10)
    known = np.isfinite(values)
    totals, counts = np.where(known, values, 0.0) @ members, known @ members
    means = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
    return np.asarray(means.T)


def correlate_scores(ranking: Ranking) -> pd.DataFrame:
    """Return Spearman's correlation between the ranks of the examples by each score."""
    return pd.DataFrame(ranking.ranks).corr(method="spearman")
