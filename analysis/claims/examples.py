"""What trainings recorded of their examples: means over difficulty groups, and correlations over examples.

Difficulty d and its groups are those of PGD trainings of other seeds (`measures.difficulty_reference`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd
import scipy

from analysis.claims.curves import find_moment
from analysis.claims.metric import NotRecorded
from analysis.measures.difficulty_reference import (
    References,
    correlate,
    find_difficulty,
    find_references,
    reduce_epochs,
)
from analysis.measures.group_means import assign_groups, read_group_means
from analysis.measures.hardness import explain_recording, measure_hardness
from analysis.results.instances import Instances
from analysis.results.sweep import Sweep
from trainers.scores import SCORES

TARGETS = ("weight", "epsilon", "t_y", "t_max")


class Examples:
    """The examples of the completed trainings of a sweep."""

    def __init__(self, sweep: Sweep, table: pd.DataFrame, curves: Mapping[str, pd.DataFrame]) -> None:
        """Read the trainings of `table`, a row each by its id, with the epochs of each in `curves`."""
        self._sweep, self._table, self._curves = sweep, table, curves

    def read_group(self, moment: str, _group: str, number: str, quantity: str) -> pd.Series:
        """Return the mean of a quantity over a difficulty group at a moment of each training, by its id.

        Raises NotRecorded if no training has it.
        """
        found = {}
        for trial, instances in self._instances():
            groups = self._group_means(trial, instances, quantity)
            at = find_moment(self._curves[trial], moment) if trial in self._curves else None
            if groups is not None and at is not None and at < groups.shape[1]:
                found[trial] = groups[int(number), at]
        if not found:
            raise NotRecorded(f"{quantity} of examples, and their difficulty in PGD trainings of other seeds")
        return pd.Series(found, dtype=float).reindex(self._table.index)

    def _group_means(self, trial: str, instances: Instances, quantity: str) -> np.ndarray | None:
        """Return the means of a quantity over the examples of each difficulty group, (10, T)."""
        if (trial, quantity) not in self._groups:
            d = self._difficulty(trial, instances)
            known = None if d is None else read_group_means(instances, assign_groups(d), [quantity]).get(quantity)
            self._groups[trial, quantity] = known
        return self._groups[trial, quantity]

    def read_relation(self, coefficient: str, one: str, other: str) -> pd.Series:
        """Return the correlation over the examples of each training between two of their numbers, by its id.

        Raises NotRecorded if no training has both.
        """
        found = {}
        for trial, instances in self._instances():
            pair = [self._read_examples(trial, instances, name) for name in (one, other)]
            if pair[0] is not None and pair[1] is not None:
                found[trial] = _correlate(coefficient, pair[0], pair[1])
        if not found:
            asked = [name for name in (one, other) if name in SCORES]
            remedies = "; ".join(dict.fromkeys(map(explain_recording, asked)))
            raise NotRecorded(f"{one} and {other} of the same examples{f' ({remedies})' * bool(remedies)}")
        return pd.Series(found, dtype=float).reindex(self._table.index)

    def _read_examples(self, trial: str, instances: Instances, name: str) -> np.ndarray | None:
        if name == "d":
            return self._difficulty(trial, instances)
        if name == "own_d":
            return find_difficulty(instances, self._seed(trial), None)
        if name in TARGETS:
            return np.asarray(reduce_epochs(name, instances), float) if name in instances else None
        return measure_hardness(instances, name)

    def _difficulty(self, trial: str, instances: Instances) -> np.ndarray | None:
        """Return d of the examples by PGD trainings of other seeds; None without any."""
        return find_difficulty(instances, self._seed(trial), self._references)

    def _seed(self, trial: str) -> int:
        return int(self._table["seed"][trial])

    def _instances(self) -> list[tuple[str, Instances]]:
        pairs = [(str(trial), self._sweep.instances(trial)) for trial in self._table.index]
        return [(trial, instances) for trial, instances in pairs if instances is not None]

    @cached_property
    def _groups(self) -> dict[tuple[str, str], np.ndarray | None]:
        """The group means read so far: a group is asked for again and again."""
        return {}

    @cached_property
    def _references(self) -> References:
        return find_references(self._sweep)


def _correlate(coefficient: str, one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 2:
        return math.nan
    pair = one[both], other[both]
    return correlate(*(map(scipy.stats.rankdata, pair) if coefficient == "spearman" else pair))
