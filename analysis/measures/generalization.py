"""Generalisation gaps: training minus test accuracy under one attack, and what standard training gains on a subset.

The robust gap needs `evaluate: {train: true}`, which measures training accuracy as test accuracy is measured. The
accuracy that training itself records is under its own attack, on augmented batches and before the update: a difference
from test accuracy would mix two attacks, so there is none here.

The cross-generalisation gap (Dong et al. 2021, Figures 1 and 13) is clean test accuracy of standard training on a
subset minus that of adversarial training on the same subset: below zero where adversarial training helps.
"""

from __future__ import annotations

import pandas as pd

from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.gaps import TRAINED
from analysis.results.metrics import CLEAN, EPOCH_METRIC
from analysis.results.sweep import Sweep

CHECKPOINTS = ("best", "last")


def measure_gap_curves(results: Sweep) -> pd.DataFrame:
    """Measure robust training minus robust test accuracy along training, a row a configuration and epoch.

    `lo` and `hi` are one standard error over seeds to each side. The table is empty if training accuracy was not
    measured under the attack of the test curve.
    """
    return add_context(tabulate_means(_epoch_gaps(results), ["configuration", "epoch"], "gap"), results)


def measure_generalization(results: Sweep) -> pd.DataFrame:
    """Measure the same gap at the selected epoch and the last, a row a configuration and `checkpoint`.

    `lo` and `hi` are the ends of the 95 % t-interval over seeds.
    """
    gaps = _epoch_gaps(results)
    chosen = results.completed.set_index("id")["best_epoch"]
    best = gaps[gaps["epoch"] == gaps["id"].map(chosen)].assign(checkpoint="best")
    last = gaps.loc[gaps.groupby("id")["epoch"].idxmax()].assign(checkpoint="last")
    both = pd.concat([best, last])
    return add_context(tabulate_means(both, ["configuration", "checkpoint"], "gap", T_INTERVAL), results)


def _epoch_gaps(results: Sweep) -> pd.DataFrame:
    """Return the gap of each epoch at which a completed training measured both accuracies."""
    epochs = results.epochs[results.epochs["id"].isin(results.completed["id"])]
    if not {TRAINED, EPOCH_METRIC} <= set(epochs):
        return epochs[["id", "configuration", "epoch"]].iloc[:0].assign(gap=0.0)
    known = epochs.dropna(subset=[TRAINED, EPOCH_METRIC])
    return known[["id", "configuration", "epoch"]].assign(gap=known[TRAINED] - known[EPOCH_METRIC])


def measure_cross_generalization(results: Sweep) -> pd.DataFrame:
    """Measure the cross-generalisation gap of each adversarial training that a standard one matches in all but method.

    A row a configuration of adversarial training and `checkpoint`, paired by seed, with 95 % t-intervals. `standard`
    names the standard training, `size` is that of the subset. The table is empty without such pairs.
    """
    done, configs = results.completed, {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    equal = [path for path in results.axes.varying if path.partition(".")[0] != "method"]
    is_standard = done["id"].map(lambda trial: is_standard_training(configs[trial]))
    keys, rows = [*equal, "replicate"], []
    for checkpoint in CHECKPOINTS:
        column = f"{checkpoint}_{CLEAN}"
        if column not in done:
            continue
        values = done.assign(accuracy=done[column].where(done[f"{checkpoint}_constant"].isna()))
        standard = values.loc[is_standard, [*keys, "accuracy", "choice"]].rename(columns={"choice": "standard"})
        pairs = values[~is_standard].merge(standard, on=keys, suffixes=("", "_standard"))
        rows.append(pairs.assign(gap=pairs["accuracy_standard"] - pairs["accuracy"], checkpoint=checkpoint))
    if not rows:
        return pd.DataFrame()
    found = pd.concat(rows)
    table = tabulate_means(found, ["configuration", "standard", "checkpoint"], "gap", T_INTERVAL)
    sizes = found.groupby("configuration")["subset_size"].mean().rename("size")
    return add_context(table.merge(sizes, on="configuration"), results)


def is_standard_training(config: dict[str, object]) -> bool:
    """Return whether a configuration trains on the images themselves: its attack is none."""
    method = config.get("method")
    attack = method.get("attack") if isinstance(method, dict) else None
    return isinstance(attack, dict) and attack.get("name") == "none"
