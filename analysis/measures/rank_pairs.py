"""Ranks of the training examples in pairs of trainings, and how many of the most problematic two trainings share.

Dong et al. 2021, Figures 5, 6 and 8 to 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.agreement import RankedTraining, rank_trainings
from analysis.measures.example_scatter import WHOLE, ExamplePairs, tabulate_scatter
from analysis.measures.figure_table import TidyTable
from analysis.results.axes import SEPARATOR
from analysis.results.selection import Selection
from trainers.record_io import Row
from trainers.scores import normalized_rank, top_iou

SEEDS, METHODS, NETWORKS = "seeds", "methods", "networks"  # in what the trainings of a pair differ
PARTS = {METHODS: "method", NETWORKS: "model"}  # of a configuration
MOST_SEEDS = 3  # of a configuration, whose pairs have a panel each


class RankScore(NamedTuple):
    """A score that ranks examples: what it is, and the array that it needs."""

    title: str
    array: str


SCORES = {
    "instability_eval": RankScore(
        "the share of measured epochs in which the attack of training curves misleads the network in eval mode",
        "withstood",
    ),
    "probability": RankScore(
        "the clean probability of the label at the selected epoch, the lowest last", "best_clean_p_y"
    ),
    "min_perturbation": RankScore(
        "the least radius that changes the prediction at the selected epoch, the smallest last",
        "min_perturbation",
    ),
    "first_learned": RankScore("the first epoch in which the network is right under the training attack", "correct"),
}
COUNTED = "counts of examples in bins; correlations with a 95 % interval over pairs, of a single pair over examples"
OVERLAP = "intersection over union of the most problematic fifths of two trainings, 1/9 by chance"


class _Line(NamedTuple):
    """The ranked trainings of one line and panel of a selection, by seed."""

    panel: str
    name: str
    labels: Mapping[str, str]  # METHODS, NETWORKS -> the labels of its axes, in words; empty without such an axis
    config: Row
    trainings: list[RankedTraining]


def measure_rank_pairs(selection: Selection, by: str, kinds: Sequence[str]) -> TidyTable:
    """Tabulate the ranks of examples by a score in one training against those in another, a panel a pair.

    Kinds say in what the trainings differ. SEEDS: a panel for each two of the first MOST_SEEDS seeds of the first line.
    METHODS, NETWORKS: a panel for each two lines that differ in nothing else, over pairs of different seeds in which
    each training takes part once on either side. Only trainings on the same examples and labels are paired.
    """
    lines = list(_collect(selection, by))
    pairs, notes = [], [f"Ranks are by {SCORES[by].title}; 1 is the most problematic."]
    for kind in kinds:
        found = list(_pair_seeds(lines) if kind == SEEDS else _pair_lines(lines, kind))
        pairs += found
        if kind == SEEDS and found:
            seeds = len(lines[0].trainings)
            notes += [f"Seeds are those of {lines[0].name}."] * (len(selection.lines) > 1)
            notes += [f"Left out: pairs with the other {seeds - MOST_SEEDS} of {seeds} seeds."] * (seeds > MOST_SEEDS)
    table = tabulate_scatter(pairs, "rank in one training", "rank in the other", WHOLE, WHOLE, tuple(notes))
    return table._replace(how=COUNTED, unit="pair")


def measure_overlap(selection: Selection, by: str) -> TidyTable:
    """Measure the intersection over union of the most problematic fifths, a panel a line, a row and a column a seed.

    `line` names the seed of the row at the place `row`, `x` is the place of the column, and `average` the mean of all
    pairs of the panel. A training is not compared with itself.
    """
    rows = []
    for line in _collect(selection, by):
        ranks = [normalized_rank(one.means) for one in line.trainings]
        names = [str(one.seed) for one in line.trainings]
        title = SEPARATOR.join(filter(None, (line.panel, line.name)))
        values = {pair: top_iou(ranks[pair[0]], ranks[pair[1]]) for pair in combinations(range(len(ranks)), 2)}
        average = np.mean(list(values.values())) if values else np.nan
        for (one, other), value in values.items():
            named = {"panel": title, "variant": "", "mean": value, "lo": np.nan, "hi": np.nan, "n": 2}
            named["average"] = average
            rows += [named | {"line": names[row], "row": row, "x": x} for row, x in ((one, other), (other, one))]
    columns = ["panel", "line", "row", "variant", "x", "mean", "lo", "hi", "n", "average"]
    note = f"Ranks are by {SCORES[by].title}."
    points = pd.DataFrame(rows, columns=columns)
    return TidyTable(points, "seed", "seed", OVERLAP, percent=False, notes=(note,), of_test=False, unit="training")


def _collect(selection: Selection, by: str) -> Iterator[_Line]:
    """Yield the trainings of each line that ranked all examples they trained on."""
    for number, sweep in enumerate(selection.sweeps):
        ranked = {one.trial: one for one in rank_trainings(sweep, by)}
        trials = selection.trials[(selection.trials["sweep"] == number) & selection.trials["id"].isin(list(ranked))]
        for (panel, line), group in trials.groupby(["panel", "line"], sort=False):
            found = sorted((ranked[trial] for trial in group["id"]), key=lambda one: one.seed)
            first = {str(name): value for name, value in group.iloc[0].items()}
            labels = {
                kind: sweep.axes.describe(first, [path for path in sweep.axes.varying if path.split(".")[0] == part])
                for kind, part in PARTS.items()
            }
            yield _Line(str(panel), str(line), labels, selection.configs[number, first["id"]], found)


def _pair_seeds(lines: Sequence[_Line]) -> Iterator[ExamplePairs]:
    for line in lines[:1]:
        for one, other in combinations(line.trainings[:MOST_SEEDS], 2):
            if are_comparable(one, other):
                yield _pair(line.panel, f"seeds {one.seed} and {other.seed}", one, other)


def _pair_lines(lines: Sequence[_Line], kind: str) -> Iterator[ExamplePairs]:
    for one, other in combinations(lines, 2):
        if one.panel == other.panel and _differ_in(one.config, other.config) == kind:
            name = " and ".join(line.labels[kind] or line.name for line in (one, other))
            for place, training in enumerate(one.trainings):
                later = other.trainings[(place + 1) % len(other.trainings)]
                if training.seed != later.seed and are_comparable(training, later):
                    yield _pair(one.panel, name, training, later)


def are_comparable(one: RankedTraining, other: RankedTraining) -> bool:
    """Return whether two trainings rank the same examples under the same labels."""
    return one.labels == other.labels and np.array_equal(one.examples, other.examples)


def _pair(panel: str, name: str, one: RankedTraining, other: RankedTraining) -> ExamplePairs:
    """Rank the examples that both trained on among themselves."""
    both = np.isfinite(one.means) & np.isfinite(other.means)
    return ExamplePairs(panel, name, normalized_rank(one.means[both]), normalized_rank(other.means[both]))


def _differ_in(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Return METHODS or NETWORKS if two configurations differ in these alone, else nothing; data have to be equal."""
    unlike = [name for name in ("method", "model", "data", "subset") if one.get(name) != other.get(name)]
    return next((kind for kind, part in PARTS.items() if unlike == [part]), "")
