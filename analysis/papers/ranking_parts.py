"""Parts that compare how trainings rank the examples: pairs of ranks, and the overlap of the most problematic."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures.figure_table import TidyTable
from analysis.measures.rank_pairs import METHODS, NETWORKS, PARTS, SCORES, SEEDS, measure_overlap, measure_rank_pairs
from analysis.papers.part import MATRIX, RANKS, lack_arrays
from analysis.results.choice import list_configs
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep


@dataclass(frozen=True)
class RankPairs:
    """The ranks of examples by a score in two trainings, for pairs that differ in seeds, methods or networks."""

    by: str
    kinds: tuple[str, ...] = (SEEDS, METHODS, NETWORKS)
    chart: str = RANKS

    def measure(self, selection: Selection) -> TidyTable:
        """Count the examples of each pair by both ranks."""
        return measure_rank_pairs(selection, self.by, self.kinds)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which array the score needs, or in what no two trainings of a sweep differ."""
        return lack_arrays(sweep, (SCORES[self.by].array,)) or lack_pairs(sweep, self.kinds)


@dataclass(frozen=True)
class Overlap:
    """How many of the most problematic examples each two seeds of a configuration share."""

    by: str
    chart: str = MATRIX

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the intersection over union of each pair of seeds."""
        return measure_overlap(selection, self.by)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which array the score needs, or that there is one seed alone."""
        return lack_arrays(sweep, (SCORES[self.by].array,)) or lack_pairs(sweep, (SEEDS,))


def lack_pairs(sweep: Sweep, kinds: tuple[str, ...]) -> str:
    """Say in what trainings do not differ, of the kinds of pairs that a figure has."""
    if sweep.completed["seed"].nunique() < 2:
        return "a second seed (--set search.replicates=3)"
    done = set(sweep.completed["id"])
    configs = [config for trial, config in list_configs(sweep) if trial in done]
    for kind, part in PARTS.items():
        if kind in kinds and len({str(config.get(part)) for config in configs}) < 2:
            return f"an axis under {part} with 2 values or more"
    return ""
