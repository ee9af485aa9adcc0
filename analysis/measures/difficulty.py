"""The rankings of a sweep: how they rank flipped labels and classes, and how the ranked groups train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.group_means import NO_GROUP, QUANTITIES, assign_groups, average_trainings
from analysis.results.instances import Instances, locate
from analysis.results.rankings import Ranking
from analysis.results.sweep import Sweep
from trainers.scores import top_membership


class Detection(NamedTuple):
    """The quality of a ranking as a detector of flipped labels."""

    flipped: int
    found: float  # how many are among the `flipped` most problematic examples; ties at the edge count on average
    auc: float  # probability that a flipped example ranks above one that is not


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


def compute_difficulty(ranking: Ranking) -> np.ndarray:
    """Return d in [0, 1], 0 the hardest: one minus the rank by mean loss, else by the ranking's own score."""
    return 1 - ranking.ranks.get("difficulty", ranking.rank)


def measure_profile_groups(
    results: Sweep, ranking: Ranking, quantities: Sequence[str] = tuple(QUANTITIES)
) -> pd.DataFrame:
    """Measure how the groups of a ranking train in its own profiling trials, as `average_trainings` tabulates them."""
    group = assign_groups(compute_difficulty(ranking))
    trainings = []
    for instances in open_profiles(results, ranking):
        place = locate(instances.index, ranking.index)
        trainings.append((instances, np.where(place >= 0, group[place], NO_GROUP)))
    return average_trainings(trainings, quantities)


def correlate_scores(ranking: Ranking) -> pd.DataFrame:
    """Return Spearman's correlation between the ranks of the examples by each score."""
    return pd.DataFrame(ranking.ranks).corr(method="spearman")
