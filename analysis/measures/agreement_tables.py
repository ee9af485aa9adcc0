"""Tables of how far the difficulty of examples differs between trainings (Liu et al. 2021, Tables 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from analysis.measures.agreement import MEASURES, build_matrix
from analysis.measures.corrupted import compare_corrupted
from analysis.measures.figure_table import POINTS, TidyTable
from analysis.results.axes import SEPARATOR
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

DISTANCE = "distance"
HOW = "mean over pairs of trainings with different seeds"
UNRELATED = "Unrelated rankings have a distance of 0.33, equal ones of 0."


def measure_distances(selection: Selection) -> TidyTable:
    """Measure the distance between rankings of the training examples by difficulty: a row and a column for each line.

    Each panel is compared in itself. A pair of trainings with equal seeds does not count; without any other pair an
    entry is missing. Raises SweepError if no pair of a panel can be compared.
    """
    parts = [
        _tabulate(build_matrix(trainings, "difficulty", DISTANCE), panel, trainings)
        for panel, trainings in _split_panels(selection)
    ]
    return _join(parts, of_test=False)


def measure_corrupted_distances(selection: Selection) -> TidyTable:
    """Measure the distance of the difficulty of corrupted test images to that of others: a column for each corruption.

    A panel for each training on clean images, by whose networks the difficulty under a corruption is measured; a row
    for each kind of other images, as `compare_corrupted` has them.
    """
    parts = [
        _tabulate(table, SEPARATOR.join(filter(None, (panel, f"corrupted images, {line}"))), trainings)
        for panel, trainings in _split_panels(selection)
        for line, table in compare_corrupted(trainings, MEASURES[DISTANCE]).items()
    ]
    return _join(parts, of_test=True)


def _split_panels(selection: Selection) -> Iterator[tuple[str, Sweep]]:
    """Yield the title of each panel and its trainings alone, which have the names of their lines."""
    for number, sweep in enumerate(selection.sweeps):
        trials = selection.trials[selection.trials["sweep"] == number]
        for panel, rows in trials.groupby("panel", sort=False):
            lines = dict(zip(rows["id"], rows["line"], strict=True))
            kept = sweep.labelled[sweep.labelled["id"].isin(lines)].set_index("id", drop=False).loc[list(lines)]
            yield str(panel), replace(sweep, labelled=kept.assign(name=list(lines.values())).reset_index(drop=True))


def _tabulate(table: pd.DataFrame, panel: str, trainings: Sweep) -> pd.DataFrame:
    """Tabulate the known entries of a table as points, with the number of seeds that are paired."""
    seeds = trainings.completed["seed"].nunique()
    rows = [
        (panel, line, variant, 0.0, mean, float("nan"), float("nan"), seeds)
        for line, values in zip(table.index, table.to_numpy(), strict=True)
        for variant, mean in zip(table.columns, values, strict=True)
        if pd.notna(mean)
    ]
    return pd.DataFrame(rows, columns=POINTS)


def _join(parts: list[pd.DataFrame], of_test: bool) -> TidyTable:
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=POINTS)
    variants = tuple(dict.fromkeys(points["variant"]))
    return TidyTable(
        points, "", "distance of difficulty", HOW, percent=False, plain=variants, notes=(UNRELATED,), of_test=of_test
    )
