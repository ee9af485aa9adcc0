"""The value of an axis that validation chooses, such as the size k of a subset, and what the choice costs in optimism.

A value is chosen by its mean validation accuracy over seeds, so that the accuracy of the chosen one is a maximum and
reads too high. Left out of the choice, a seed reads what the choice of the others is worth: the mean over seeds is free
of this bias, for one seed less. Test images take no part in the choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.front_seeds import balance_seeds
from analysis.measures.stats import estimate
from analysis.results.axes import ALL, SEPARATOR
from analysis.results.choice import SIZES
from analysis.results.sweep import Sweep
from trainers.formatting import format_list

VALIDATION = "best_val_pgd_acc"  # by which a checkpoint is selected, too
COLUMNS = ["group", "chosen", "values", "n", "validation", "corrected", "optimism", "test", "se"]
COLUMNS += ["hindsight", "best_test"]


def choose_values(sweep: Sweep, axis: str, test: str, validation: str = VALIDATION) -> pd.DataFrame:
    """Choose a value of an axis in each group of configurations that differ in nothing else.

    `axis` is the path of an axis, or subset.size for the sizes of each kind of subset; `test` and `validation` are
    columns of the trials. Accuracies are fractions: `validation` of the chosen value, as it reads; `corrected`, on
    seeds that did not choose it (NaN for one seed); `optimism`, the difference; `test` of the chosen value, its
    standard error `se`, and `best_test` of the value that is best on test, named in `hindsight`. `n` counts the
    seeds, those that all values of a group completed. Raises SweepError if no group has two values.
    """
    trials = sweep.completed.dropna(subset=[column for column in (validation, test) if column in sweep.completed])
    if not {validation, test} <= set(trials.columns):
        raise SweepError(f"{sweep.folder}: no trial has both {validation} and {test}")
    rows = []
    for group, members in _groups(sweep, trials, axis):
        found = balance_seeds(members)
        if found["value"].nunique() > 1:
            rows.append({"group": group, **_choose(found, test, validation)})
    if not rows:
        allowed = format_list([SIZES, *sweep.axes.varying])
        raise SweepError(f"{sweep.folder}: {axis} has no two values to choose from; axes: {allowed}")
    return pd.DataFrame(rows, columns=COLUMNS)


def _groups(sweep: Sweep, trials: pd.DataFrame, axis: str) -> Sequence[tuple[str, pd.DataFrame]]:
    """Return the trials of each group with its name, and the `value` of each trial."""
    if axis == SIZES:
        trials = trials[trials["subset_kind"] != ALL]
        keys, values = ["setting", "family", "subset_kind"], trials["subset_size"].map("{:g}".format)
    else:
        if axis not in sweep.axes.varying:
            return []
        trials = trials[trials[axis] != ""]
        keys, values = [path for path in sweep.axes.varying if path != axis], trials[axis]
    trials = trials.assign(value=values)
    if not keys:
        return [(ALL, trials)]
    groups = trials.groupby(keys, sort=False)
    return [(SEPARATOR.join(filter(None, map(str, labels))) or ALL, members) for labels, members in groups]


def _choose(trials: pd.DataFrame, test: str, validation: str) -> dict[str, object]:
    """Choose among the values of one group, whose trials have all seeds in common."""
    by = [trials.pivot(index="value", columns="replicate", values=column) for column in (validation, test)]
    names, seeds = by[0].index, len(by[0].columns)
    val, tested = (table.to_numpy() for table in by)  # (values, seeds)
    chosen, best = int(val.mean(axis=1).argmax()), int(tested.mean(axis=1).argmax())
    read = float(val[chosen].mean())
    others = (val.sum(axis=1, keepdims=True) - val).argmax(axis=0)  # the choice without each seed
    corrected = float(val[others, np.arange(seeds)].mean()) if seeds > 1 else np.nan
    worth = estimate(tested[chosen])
    return {
        "chosen": names[chosen],
        "values": len(names),
        "n": seeds,
        "validation": read,
        "corrected": corrected,
        "optimism": read - corrected,
        "test": worth.mean,
        "se": worth.se,
        "hindsight": names[best],
        "best_test": float(tested[best].mean()),
    }
