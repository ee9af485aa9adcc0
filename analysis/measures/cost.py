"""What a training costs, against the accuracy that it reaches."""

from __future__ import annotations

import pandas as pd

from analysis.measures.tidy import STANDARD_ERROR, add_context, tabulate_means
from analysis.results.sweep import Sweep

# Passes are forward and backward passes of attack, loss and update, in examples. They do not depend on the machine;
# seconds compare trainings on one machine alone, and only if these shared it alike.
COSTS = {"passes": "forward + backward passes (examples)", "seconds": "seconds of training"}


def measure_cost(results: Sweep, metric: str) -> pd.DataFrame:
    """Measure cost against a test accuracy at the checkpoint of the sweep: a row a configuration and `cost` of COSTS.

    `x`, `x_lo`, `x_hi` are the cost of a whole training, `mean`, `lo`, `hi` the accuracy, with one standard error over
    seeds to each side. `per_example` is the number of passes of an example in an epoch: 11 + 11 for PGD-10.
    """
    column = f"{results.checkpoint}_{metric}"
    done = results.completed
    if column not in done or not {"forwards", "backwards", "examples"} <= set(results.epochs):
        return pd.DataFrame()
    sums = results.epochs.groupby("id")[["forwards", "backwards", "examples"]].sum(min_count=1)
    passes = done["id"].map(sums["forwards"] + sums["backwards"])
    costs = done.assign(passes=passes, seconds=done["seconds_training"])
    costs = costs.assign(per_example=passes / done["id"].map(sums["examples"]), accuracy=done[column])
    keys, tables = ["configuration"], []
    for cost in COSTS:
        known = costs[costs[[cost, "accuracy"]].notna().all(axis=1)]
        if known.empty:
            continue
        table = tabulate_means(known, keys, "accuracy", STANDARD_ERROR).assign(cost=cost)
        x = tabulate_means(known, keys, cost).rename(columns={"mean": "x", "lo": "x_lo", "hi": "x_hi"})
        per_example = known.groupby("configuration")["per_example"].mean().reset_index()
        tables.append(table.merge(x[[*keys, "x", "x_lo", "x_hi"]], on=keys).merge(per_example, on=keys))
    return add_context(pd.concat(tables, ignore_index=True), results) if tables else pd.DataFrame()
