"""The scatter of two quantities of examples as counts in bins, with the correlations of both.

A training may have 50,000 examples, so that a figure shows how many lie where, not each. Trainings are never averaged
example by example: counts are their sum, and a correlation is the mean of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from analysis.measures.figure_table import TidyTable
from analysis.measures.tidy import T_INTERVAL, tabulate_means

BINS = 20  # of each quantity
WHOLE = (0.0, 1.0)  # the range of ranks
OVER_EXAMPLES = "95 % interval over examples by Fisher's z; one training"
FIELLER = 1.06  # variance of z of a rank correlation, over that of Pearson's (Fieller, Hartley and Pearson 1957)
QUANTILE = 1.959964  # of a normal, for 95 %
COEFFICIENTS = ("pearson", "spearman")
KEYS = ["panel", "line", "coefficient"]


class ExamplePairs(NamedTuple):
    """Two quantities of the examples of one training, or of two trainings that are compared."""

    panel: str
    line: str
    x: np.ndarray  # (N,)
    y: np.ndarray  # (N,), of the same examples


def keep_known(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both quantities of the examples of which both are finite, as floats."""
    known = np.isfinite(x) & np.isfinite(y)
    return np.asarray(x[known], dtype=float), np.asarray(y[known], dtype=float)


def correlate(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's correlation of the values known of both; NaN if all of one are equal."""
    x, y = keep_known(x, y)
    if len(x) < 2 or not (np.ptp(x) and np.ptp(y)):
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def correlate_pairs(pairs: Sequence[ExamplePairs]) -> pd.DataFrame:
    """Correlate each pair, a row a `panel`, `line` and `coefficient` (pearson, spearman), averaged over trainings.

    `lo` and `hi` are the 95 % t-interval over the `n` trainings, cut at -1 and 1; of one training they are the interval
    over its `examples`.
    """
    rows = []
    for panel, line, x, y in pairs:
        x, y = keep_known(x, y)
        ranks = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
        for name, r in zip(COEFFICIENTS, (correlate(x, y), correlate(*ranks)), strict=True):
            rows.append({"panel": panel, "line": line, "coefficient": name, "value": r, "examples": len(x)})
    found = pd.DataFrame(rows, columns=[*KEYS, "value", "examples"])
    table = tabulate_means(found, KEYS, "value", T_INTERVAL)
    table = table.merge(found.groupby(KEYS)["examples"].mean().reset_index(), on=KEYS)
    ends = [bound_correlation(r, int(n), name) for r, n, name in table[["mean", "examples", "coefficient"]].to_numpy()]
    alone = table["n"] == 1
    for place, end in enumerate(("lo", "hi")):
        table[end] = table[end].where(~alone, [pair[place] for pair in ends]).clip(-1, 1)
    table["interval"] = table["interval"].where(~alone, OVER_EXAMPLES)
    return table


def bound_correlation(r: float, n: int, coefficient: str) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a correlation over n examples by Fisher's z; NaN for 3 or fewer."""
    if n <= 3 or abs(r) >= 1:
        return (math.nan, math.nan) if n <= 3 else (r, r)
    half = QUANTILE * math.sqrt((FIELLER if coefficient == "spearman" else 1.0) / (n - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def count_pairs(
    pairs: Sequence[ExamplePairs],
    x_range: tuple[float, float] | None = WHOLE,
    y_range: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Count examples in bins, a row a `panel`, `line` and bin that has some.

    A bin is `x_lo` to `x_hi` and `y_lo` to `y_hi`, `count` its examples over the `n` trainings. All lines have the same
    BINS bins; a range that is None is that of the values.
    """
    known = [ExamplePairs(pair.panel, pair.line, *keep_known(pair.x, pair.y)) for pair in pairs]
    edges = (
        np.linspace(*(x_range or _find_range([pair.x for pair in known])), BINS + 1),
        np.linspace(*(y_range or _find_range([pair.y for pair in known])), BINS + 1),
    )
    tables = []
    for panel, line in dict.fromkeys((pair.panel, pair.line) for pair in known):
        here = [np.histogram2d(p.x, p.y, bins=edges)[0] for p in known if (p.panel, p.line) == (panel, line)]
        counts = np.sum(here, axis=0).astype(int)
        x, y = np.nonzero(counts)
        columns = {"x_lo": edges[0][x], "x_hi": edges[0][x + 1], "y_lo": edges[1][y], "y_hi": edges[1][y + 1]}
        tables.append(pd.DataFrame({"panel": panel, "line": line, **columns, "count": counts[x, y], "n": len(here)}))
    return pd.concat(tables, ignore_index=True)


def _find_range(values: Sequence[np.ndarray]) -> tuple[float, float]:
    low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
    return low, high if high > low else low + 1


def tabulate_scatter(
    pairs: Sequence[ExamplePairs],
    x_title: str,
    y_title: str,
    x_range: tuple[float, float] | None = WHOLE,
    y_range: tuple[float, float] | None = None,
    notes: tuple[str, ...] = (),
) -> TidyTable:
    """Tabulate a scatter for a figure: a row a bin, whose middle is `x` and `mean` and whose ends are `lo` and `hi`.

    Each row also has `x_lo`, `x_hi`, `count` and the correlations of its panel and line, `pearson` and `spearman`, with
    the ends of their intervals as `_lo` and `_hi`. The table is empty without pairs.
    """
    names = ("lo", "hi")
    columns = [f"{coefficient}{end}" for coefficient in COEFFICIENTS for end in ("", *(f"_{name}" for name in names))]
    every = ["panel", "line", "variant", "x", "x_lo", "x_hi", "mean", "lo", "hi", "n", "count", *columns]
    if not pairs:
        return TidyTable(pd.DataFrame(columns=every), x_title, y_title, percent=False, of_test=False)
    points = count_pairs(pairs, x_range, y_range).rename(columns={"y_lo": "lo", "y_hi": "hi"})
    found = correlate_pairs(pairs)
    for coefficient in COEFFICIENTS:
        rows = found[found["coefficient"] == coefficient][["panel", "line", "mean", *names]]
        ends = {"mean": coefficient, **{name: f"{coefficient}_{name}" for name in names}}
        points = points.merge(rows.rename(columns=ends), on=["panel", "line"], how="left")
    points = points.assign(variant="", x=(points["x_lo"] + points["x_hi"]) / 2, mean=(points["lo"] + points["hi"]) / 2)
    one = len(found) and (found["n"] == 1).all()
    interval = "over examples by Fisher's z" if one else "over trainings"
    how = f"counts of examples in bins; correlations with a 95 % interval {interval}"
    return TidyTable(points[every], x_title, y_title, how, percent=False, notes=notes, of_test=False)
