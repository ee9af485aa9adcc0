"""The difference between the fronts of two sweeps: where the seeds of one attain more often what those of the other do.

A seed attains a point of both accuracies if one of its configurations is no worse in both. The share of the seeds that
attain a point is the empirical attainment function (EAF); its difference between two sweeps says where one is better
(López-Ibáñez, Paquete and Stützle 2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.dominance import attain_grid
from analysis.measures.front import FrontData, FrontPanel
from trainers.objectives import non_dominated

PERMUTATION_TEST = (
    "p: permutation test of the largest difference of attainment; three seeds against three reach 0.1 at best"
)
ALPHA = 0.05  # a difference is told if its p is below
MAX_SPLITS = 2000  # of the seeds into two groups; beyond, as many are drawn


class Attainment(NamedTuple):
    """How often a seed of one sweep attains what a seed of the other does, over all pairs of such seeds."""

    member: float  # the probability that it attains a member of the other's front, all members counted alike
    whole: int  # the number of pairs in which it attains every member: its front is nowhere worse
    pairs: int


class FrontDifference(NamedTuple):
    """The difference of the EAFs of two curves with the same terms."""

    title: str  # of the panel
    one: str
    other: str
    seeds: tuple[int, int]
    x: np.ndarray  # (X,)
    y: np.ndarray  # (Y,)
    difference: np.ndarray  # (Y, X) share of the seeds of `one` less that of `other`, on x[i-1] < x <= x[i]; likewise y
    forward: Attainment  # of `one`: how often it attains what `other` does
    backward: Attainment  # of `other`
    p: float  # of the hypothesis that the sweeps have one attainment function

    @property
    def is_told(self) -> bool:
        """Return whether the seeds tell a difference."""
        return self.p < ALPHA

    @property
    def least_p(self) -> float:
        """Return the least p that so many seeds can reach; groups of one size have the same difference if exchanged."""
        one, other = self.seeds
        return max((2 if one == other else 1) / math.comb(one + other, one), 1 / MAX_SPLITS)


def compare_fronts(front: FrontData) -> Iterator[tuple[FrontPanel, FrontDifference]]:
    """Compare the curves of each panel two by two: the seeds of each, over the configurations that all its seeds have.

    p is of a permutation test of the largest absolute difference (Grunert da Fonseca, Fonseca and Hall 2001), over all
    ways to divide the seeds into groups as large, or MAX_SPLITS random ones. Three seeds against three reach 0.1 at
    best. Curves without a seed are left out.
    """
    for panel in front.panels:
        known = [curve for curve in front.curves if len(panel.balanced.get(curve, ()))]
        for one, other in combinations(known, 2):
            yield panel, _compare(panel, one, other)


def _compare(panel: FrontPanel, one: str, other: str) -> FrontDifference:
    sides = [_list_runs(panel.balanced[curve]) for curve in (one, other)]
    n = len(sides[0])
    x, y, attained = attain_grid([*sides[0], *sides[1]])
    difference = attained[:n].mean(axis=0) - attained[n:].mean(axis=0)
    forward, backward = (_count_attained(*pair) for pair in (sides, sides[::-1]))
    seeds = (n, len(sides[1]))
    return FrontDifference(
        panel.title, one, other, seeds, x, y, difference, forward, backward, compute_p_value(attained, n)
    )


def _list_runs(trials: pd.DataFrame) -> list[np.ndarray]:
    """Return the front of each seed, (n, 2)."""
    runs = [rows[["x", "y"]].to_numpy(float) for _, rows in trials.groupby("replicate")]
    return [run[non_dominated(run)] for run in runs]


def _count_attained(runs: list[np.ndarray], goals: list[np.ndarray]) -> Attainment:
    """Count how often a run attains the members of another's front."""
    pairs = [np.any(np.all(run >= goal[:, None], axis=2), axis=1) for run in runs for goal in goals]
    member = float(np.mean([attained.mean() for attained in pairs]))
    return Attainment(member, sum(bool(attained.all()) for attained in pairs), len(pairs))


def compute_p_value(attained: np.ndarray, n: int) -> float:
    """Return the p-value of the largest absolute difference between the first n runs and the others.

    `attained` (runs, Y, X) is that of `attain_grid`.
    """
    seeds, flat = len(attained), attained.reshape(len(attained), -1).astype(float)
    if math.comb(seeds, n) <= MAX_SPLITS:
        splits = [list(split) for split in combinations(range(seeds), n)]
    else:
        rng = np.random.default_rng(0)
        splits = [list(range(n)), *(rng.permutation(seeds)[:n].tolist() for _ in range(MAX_SPLITS - 1))]
    total = flat.sum(axis=0)
    found = []
    for split in splits:
        inside = flat[split].sum(axis=0)
        found.append(float(np.abs(inside / n - (total - inside) / (seeds - n)).max()))
    # the first split is the one observed
    return sum(value >= found[0] - 1e-9 for value in found) / len(found)
