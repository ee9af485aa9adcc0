"""All that seeds say of one drawn front: verdicts, corrected values, and how likely it is the true one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trainers.certificate.correction import Posterior, correct_means
from trainers.certificate.dominance import find_front
from trainers.certificate.front_chance import FrontChance, estimate_chance
from trainers.certificate.looks import FIRST
from trainers.certificate.planning import expect_seeds
from trainers.certificate.samples import Samples, summarize_seeds
from trainers.certificate.verdicts import Certificate, Family, certify


@dataclass(frozen=True)
class Assessment:
    """What the seeds of one study say; arrays have a row for each configuration."""

    family: Family
    front: np.ndarray  # whether a configuration is on the drawn front
    samples: Samples  # of all its seeds
    certificate: Certificate | None  # None: nothing is compared, which takes three seeds of two configurations

    @cached_property
    def seeds_wanted(self) -> np.ndarray:
        """The seeds that each open configuration would take; NaN for the others."""
        return np.full(len(self.front), np.nan) if self.certificate is None else expect_seeds(self.certificate)

    @cached_property
    def corrected(self) -> np.ndarray:
        """The means corrected for selection, (configurations, objectives), in points; NaN where there are none."""
        found = np.full(self.samples.means.shape, np.nan)
        if self._posterior is not None:
            found[self._measured] = self._posterior.corrected
        return found

    @cached_property
    def chance(self) -> FrontChance | None:
        """Return how likely the drawn front is the true one; None without a front, or if too little is known."""
        front = self.front[self._measured]
        return estimate_chance(front, self._posterior) if self._posterior is not None and front.any() else None

    @cached_property
    def optimism(self) -> np.ndarray | None:
        """By how much the members of the front read lower if corrected, on average, (objectives,), in points."""
        members = self.front & self._measured
        if self._posterior is None or not members.any():
            return None
        return np.asarray((self.samples.means - self.corrected)[members].mean(axis=0))

    @property
    def _measured(self) -> np.ndarray:
        """Return whether a configuration has a seed that did not collapse."""
        return np.asarray(self.samples.kept > 0)

    @cached_property
    def _posterior(self) -> Posterior | None:
        return correct_means(_take(self.samples, self._measured))


def assess_front(values: np.ndarray, family: Family, front: np.ndarray, allocate: bool = False) -> Assessment:
    """Assess a front, (configurations,) bool, by the values of all seeds in points; see the module verdicts."""
    samples = summarize_seeds(values, family.gap)
    alone = len(values) > 1 and np.count_nonzero(samples.seeds >= FIRST) < 2
    return Assessment(family, front, samples, None if alone else certify(values, family, allocate))


def assess_means(values: np.ndarray, family: Family, allocate: bool = False) -> Assessment:
    """Assess the front of the means over seeds that did not collapse."""
    return assess_front(values, family, find_front(summarize_seeds(values, family.gap).means), allocate)


def _take(samples: Samples, rows: np.ndarray) -> Samples:
    return Samples(*(array[rows] for array in samples))
