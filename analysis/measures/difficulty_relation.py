"""Weights, radii, targets and κ of examples against their difficulty d: counts in bins, and correlations.

Liu et al. 2021, Figures 13, 18 and 19. A training is compared with the difficulty of *other* PGD trainings
(`difficulty_reference`), or with that of its own losses, whose noise it shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from analysis.measures.difficulty_reference import (
    LAST,
    References,
    describe_source,
    find_difficulty,
    reduce_epochs,
)
from analysis.measures.example_scatter import ExamplePairs, correlate_pairs, count_pairs, keep_known
from analysis.measures.tidy import add_context
from analysis.results.sweep import Sweep

RELATED = ("weight", "epsilon", "t_y", "t_max", "kappa")
BIN_NAMES = {"x_lo": "d_lo", "x_hi": "d_hi", "y_lo": "value_lo", "y_hi": "value_hi"}


def correlate_examples(
    results: Sweep, references: References | None = None, quantities: Sequence[str] = RELATED
) -> pd.DataFrame:
    """Correlate quantities of examples with their difficulty: a row a configuration, `quantity` and `coefficient`.

    The coefficients are pearson and spearman. `mean` is over trainings, `lo` and `hi` their 95 % t-interval; of one
    training they are its interval over examples. `when` says which value of an example counts: the last, or its mean
    over epochs. `grouped_by` says whose difficulty it is; an easy example has a high d.
    """
    pairs = [pair for quantity in quantities for pair in _read_pairs(results, references, quantity)]
    if not pairs:
        return pd.DataFrame()
    table = correlate_pairs(pairs).rename(columns={"panel": "quantity", "line": "configuration"})
    return add_context(table.assign(when=table["quantity"].map(_name_value), **_name(references)), results)


def count_examples(results: Sweep, quantity: str, references: References | None = None) -> pd.DataFrame:
    """Count examples by difficulty and by a quantity: the scatter of both as a table with a row a bin that has some.

    Columns are the configuration, the bins `d_lo` to `d_hi` and `value_lo` to `value_hi`, `count` over the `n`
    trainings, `when` and `grouped_by`. All configurations have the same bins, over the range of their values.
    """
    pairs = list(_read_pairs(results, references, quantity))
    if not pairs:
        return pd.DataFrame()
    table = count_pairs(pairs).rename(columns={"panel": "quantity", "line": "configuration", **BIN_NAMES})
    return add_context(table.assign(when=_name_value(quantity), **_name(references)), results)


def _read_pairs(results: Sweep, references: References | None, quantity: str) -> Iterator[ExamplePairs]:
    """Yield d and the quantity of the examples of each training where both are known, by quantity and configuration."""
    for trial, configuration, seed in results.completed[["id", "configuration", "seed"]].itertuples(index=False):
        instances = results.instances(trial)
        if instances is None or quantity not in instances:
            continue
        d = find_difficulty(instances, int(seed), references)
        if d is not None:
            known = keep_known(d, reduce_epochs(quantity, instances))
            if len(known[0]) > 1:
                yield ExamplePairs(quantity, str(configuration), *known)


def _name_value(quantity: str) -> str:
    return "last" if quantity in LAST else "mean over epochs"


def _name(references: References | None) -> dict[str, str]:
    return {"grouped_by": describe_source(references)}
