"""The points of a paper's figure: a row a point, with its panel and line, its interval and its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis.measures.tidy import STANDARD_ERROR, tabulate_means
from analysis.results.axes import SEPARATOR
from analysis.results.selection import Selection
from trainers.record_io import Row

EXAMPLES = "no interval: each point is an example of one training"
KEYS = ("panel", "line", "variant", "x")
POINTS = [*KEYS, "mean", "lo", "hi", "n"]  # the columns of every table of a figure


class TidyTable(NamedTuple):
    """Points of a figure: `panel`, `line`, `variant` (what dashes tell apart), `x`, `mean`, `lo`, `hi` and `n`."""

    points: pd.DataFrame
    x_title: str  # of the horizontal axis
    y_title: str  # of the vertical axis
    how: str = STANDARD_ERROR  # how `lo` and `hi` are made
    percent: bool = True  # whether the mean is a fraction, written in percent
    attacks: tuple[str, ...] = ()  # names of the attacks whose accuracies it has
    plain: tuple[str, ...] = ()  # variants that are no fractions
    other: tuple[tuple[str, str], ...] = ()  # variant and what it is of, if not what the vertical axis says
    notes: tuple[str, ...] = ()  # what a reader must know, a sentence each
    of_test: bool = True  # whether the points are measured on test images
    log: bool = False  # whether the vertical axis is logarithmic
    unit: str = "seed"  # what `n` counts
    shown: Row | None = None  # the configuration of the one training that all points are of, if there is one
    borrowed: tuple[Path, ...] = ()  # folders of other sweeps whose trainings say how hard examples are

    def name_quantities(self) -> pd.Series:
        """Return of what each point is."""
        other = dict(self.other)
        return self.points["variant"].map(lambda variant: other.get(variant, self.y_title))


def average_seeds(values: pd.DataFrame, interval: str = STANDARD_ERROR) -> pd.DataFrame:
    """Average `value` over the rows that share panel, line, variant and x, with an interval of `tabulate_means`.

    The order of panels, lines and variants stays; lo and hi are NaN for one seed. Unknown values do not count.
    """
    return tabulate_means(values, KEYS, "value", interval).drop(columns="interval")


def as_error(points: pd.DataFrame) -> pd.DataFrame:
    """Turn accuracies into error rates."""
    return points.assign(mean=1 - points["mean"], lo=1 - points["hi"], hi=1 - points["lo"])


def stack_variants(trials: pd.DataFrame, columns: dict[str, str], x: Sequence[float] | pd.Series) -> pd.DataFrame:
    """Return the rows of `average_seeds`: for each variant the column that has its values."""
    parts = [
        trials[["panel", "line"]].assign(variant=variant, x=x, value=trials[column].astype(float))
        for variant, column in columns.items()
        if column in trials
    ]
    return pd.concat(parts, ignore_index=True)


def place_rows(selection: Selection, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add `panel` and `line` to tables with a row a `configuration`, one table a sweep; drop what is not selected."""
    found = []
    for number, table in enumerate(tables):
        trials = selection.trials.loc[selection.trials["sweep"] == number, ["configuration", "panel", "line"]]
        if len(table):
            found.append(trials.drop_duplicates().merge(table, on="configuration"))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def title_line_panels(rows: pd.DataFrame) -> pd.Series:
    """Return a title for a panel of each line of `place_rows`: that of its panel, and the line if there are several."""
    if rows["line"].nunique() == 1:
        return rows["panel"]
    pairs = zip(rows["panel"], rows["line"], strict=True)
    return pd.Series([SEPARATOR.join(filter(None, pair)) for pair in pairs], rows.index)
