"""Weights, radii, targets and κ of examples against their difficulty d: counts in bins, and correlations.

Liu et al. 2021, Figures 13, 18 and 19. A training is compared with the difficulty of *other* PGD trainings
(`difficulty_reference`), or with that of its own losses, whose noise it shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.measures.difficulty_reference import (
    LAST,
    References,
    correlate,
    describe_source,
    find_difficulty,
    reduce_epochs,
)
from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.sweep import Sweep

BINS = 20  # of d, and of the other quantity
RELATED = ("weight", "epsilon", "t_y", "t_max", "kappa")
OVER_EXAMPLES = "95 % interval over examples by Fisher's z; one training"
FIELLER = 1.06  # variance of z of a rank correlation, over that of Pearson's (Fieller, Hartley and Pearson 1957)
QUANTILE = 1.959964  # of a normal, for 95 %


def correlate_examples(
    results: Sweep, references: References | None = None, quantities: Sequence[str] = RELATED
) -> pd.DataFrame:
    """Correlate quantities of examples with their difficulty: a row a configuration, `quantity` and `coefficient`.

    The coefficients are pearson and spearman. `mean` is over trainings, `lo` and `hi` their 95 % t-interval; of one
    training they are its interval over examples. `when` says which value of an example counts: the last, or its mean
    over epochs. `grouped_by` says whose difficulty it is; an easy example has a high d.
    """
    rows = []
    for quantity in quantities:
        for configuration, d, values in _read_pairs(results, references, quantity):
            ranks = stats.rankdata(d), stats.rankdata(values)
            for name, r in (("pearson", correlate(d, values)), ("spearman", correlate(*ranks))):
                named = {"configuration": configuration, "quantity": quantity, "coefficient": name}
                rows.append(named | {"value": r, "examples": len(d)})
    if not rows:
        return pd.DataFrame()
    found, keys = pd.DataFrame(rows), ["configuration", "quantity", "coefficient"]
    table = tabulate_means(found, keys, "value", T_INTERVAL)
    table = table.merge(found.groupby(keys)["examples"].mean().reset_index(), on=keys)
    ends = [bound_correlation(r, int(n), name) for r, n, name in table[["mean", "examples", "coefficient"]].to_numpy()]
    alone = table["n"] == 1
    for place, end in enumerate(("lo", "hi")):
        table[end] = table[end].where(~alone, [pair[place] for pair in ends])
    table["interval"] = table["interval"].where(~alone, OVER_EXAMPLES)
    return add_context(table.assign(when=table["quantity"].map(_name_value), **_name(references)), results)


def bound_correlation(r: float, n: int, coefficient: str) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a correlation over n examples by Fisher's z; NaN for 3 or fewer."""
    if n <= 3 or abs(r) >= 1:
        return (math.nan, math.nan) if n <= 3 else (r, r)
    half = QUANTILE * math.sqrt((FIELLER if coefficient == "spearman" else 1.0) / (n - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def count_examples(results: Sweep, quantity: str, references: References | None = None) -> pd.DataFrame:
    """Count examples by difficulty and by a quantity: the scatter of both as a table with a row a bin that has some.

    Columns are the configuration, the bins `d_lo` to `d_hi` and `value_lo` to `value_hi`, `count` over the `n`
    trainings, `when` and `grouped_by`. All configurations have the same BINS bins, over the range of their values.
    """
    pairs = list(_read_pairs(results, references, quantity))
    if not pairs:
        return pd.DataFrame()
    low, high = min(float(values.min()) for *_, values in pairs), max(float(values.max()) for *_, values in pairs)
    edges = np.linspace(0, 1, BINS + 1), np.linspace(low, high if high > low else low + 1, BINS + 1)
    tables = []
    for configuration in dict.fromkeys(name for name, *_ in pairs):
        here = [np.histogram2d(d, values, bins=edges)[0] for name, d, values in pairs if name == configuration]
        counts = np.sum(here, axis=0).astype(int)
        x, y = np.nonzero(counts)
        columns = {"d_lo": edges[0][x], "d_hi": edges[0][x + 1], "value_lo": edges[1][y], "value_hi": edges[1][y + 1]}
        table = pd.DataFrame(columns | {"count": counts[x, y]})
        tables.append(table.assign(configuration=configuration, n=len(here)))
    table = pd.concat(tables, ignore_index=True).assign(quantity=quantity, when=_name_value(quantity))
    return add_context(table.assign(**_name(references)), results)


def _read_pairs(
    results: Sweep, references: References | None, quantity: str
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the configuration of each training, and d and the quantity of its examples where both are known."""
    for trial, configuration, seed in results.completed[["id", "configuration", "seed"]].itertuples(index=False):
        instances = results.instances(trial)
        if instances is None or quantity not in instances:
            continue
        d = find_difficulty(instances, int(seed), references)
        if d is not None:
            values = np.asarray(reduce_epochs(quantity, instances[quantity]), dtype=float)
            known = np.isfinite(d) & np.isfinite(values)
            if known.sum() > 1:
                yield str(configuration), d[known], values[known]


def _name_value(quantity: str) -> str:
    return "last" if quantity in LAST else "mean over epochs"


def _name(references: References | None) -> dict[str, str]:
    return {"grouped_by": describe_source(references)}
