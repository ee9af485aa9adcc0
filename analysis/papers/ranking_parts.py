"""Parts that compare how trainings rank the examples: pairs of ranks, the overlap of the hardest, and distances."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures.agreement_tables import measure_corrupted_distances, measure_distances
from analysis.measures.figure_table import TidyTable
from analysis.measures.rank_pairs import METHODS, NETWORKS, PARTS, SCORES, SEEDS, measure_overlap, measure_rank_pairs
from analysis.papers.part import MATRIX, RANKS, TABLE, lack_arrays
from analysis.results.choice import list_configs, read_path
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


@dataclass(frozen=True)
class Distances:
    """The distance between the difficulty of examples for each two configurations."""

    chart: str = TABLE

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the distances between the lines of each panel."""
        return measure_distances(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no losses were recorded, or that there is one seed alone."""
        return lack_arrays(sweep, ("loss",)) or lack_pairs(sweep, ())


@dataclass(frozen=True)
class CorruptedDistances:
    """The distance of the difficulty of corrupted test images to that of clean and attacked ones."""

    chart: str = TABLE

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the distances by the networks that are trained on clean images."""
        return measure_corrupted_distances(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no corrupted test images or no losses of test images were recorded."""
        if not any(read_path(config, "data.corruptions") for _, config in list_configs(sweep)):
            return "corrupted test images (data.corruptions)"
        return lack_arrays(sweep, ("test_loss",)) or lack_pairs(sweep, ())


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
