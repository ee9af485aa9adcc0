"""Generalisation gaps: training minus test accuracy under one attack, and what standard training gains on a subset.

The robust gap needs `evaluate: {train: true}`, which measures training accuracy as test accuracy is measured. The
accuracy that training itself records is under its own attack, on augmented batches and before the update: a difference
from test accuracy would mix two attacks, so there is none here.

The cross-generalisation gap (Dong et al. 2021, Figures 1 and 13) is clean test accuracy of standard training on a
subset minus that of adversarial training on the same subset: below zero where adversarial training helps.
"""

from __future__ import annotations

import pandas as pd

from analysis.measures.figure_table import TidyTable, average_seeds
from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.gaps import TRAINED
from analysis.results.metrics import CHECKPOINTS, CLEAN, EPOCH_METRIC
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep
from analysis.results.trial_table import mark_constant

CROSS_GAP = (
    "The gap is clean test accuracy of standard training less that of adversarial training on the same examples, "
    "paired by seed; at the selected epoch each is selected by its own validation accuracy."
)


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
    found = _pair_with_standard(results)
    if found.empty:
        return pd.DataFrame()
    table = tabulate_means(found, ["configuration", "standard", "checkpoint"], "gap", T_INTERVAL)
    sizes = found.groupby("configuration")["subset_size"].mean().rename("size")
    return add_context(table.merge(sizes, on="configuration"), results)


def measure_cross_gaps(selection: Selection) -> TidyTable:
    """Measure the cross-generalisation gap of each line by the size of its subset: a variant a checkpoint.

    The standard training may be any of the sweep of a line, in the selection or not; `lo` and `hi` are one standard
    error over seeds to each side.
    """
    parts = []
    for number, sweep in enumerate(selection.sweeps):
        trials = selection.trials.loc[selection.trials["sweep"] == number, ["id", "panel", "line", "at"]]
        parts.append(trials.merge(_pair_with_standard(sweep)[["id", "checkpoint", "gap"]], on="id"))
    pairs = pd.concat(parts, ignore_index=True).rename(columns={"at": "x", "gap": "value"})
    points = average_seeds(pairs.assign(variant=pairs["checkpoint"].map(CHECKPOINTS)))
    title = "cross-generalisation gap"
    return TidyTable(points.sort_values("x", kind="stable"), "training examples", title, notes=(CROSS_GAP,))


def _pair_with_standard(results: Sweep) -> pd.DataFrame:
    """Return a row a completed adversarial training and checkpoint that a standard one matches, with the `gap`."""
    done, configs = results.completed, {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    is_standard = done["id"].map(lambda trial: is_standard_training(configs[trial])).astype(bool)
    others = [path for path in results.axes.varying if path.partition(".")[0] != "method"]
    equal = [path for path in others if (done.loc[is_standard, path] != "").any()]  # others act for one method alone
    keys, rows = [*equal, "replicate"], [pd.DataFrame(columns=["id", "checkpoint", "gap"])]
    for checkpoint in CHECKPOINTS:
        column = f"{checkpoint}_{CLEAN}"
        if column not in done:
            continue
        values = done.assign(accuracy=done[column].mask(mark_constant(done, (checkpoint,))))
        standard = values.loc[is_standard, [*keys, "accuracy", "choice"]].rename(columns={"choice": "standard"})
        pairs = values[~is_standard].merge(standard, on=keys, suffixes=("", "_standard"))
        rows.append(pairs.assign(gap=pairs["accuracy_standard"] - pairs["accuracy"], checkpoint=checkpoint))
    return pd.concat([row for row in rows if len(row)] or rows)


def is_standard_training(config: dict[str, object]) -> bool:
    """Return whether a configuration trains on the images themselves: its attack is none."""
    method = config.get("method")
    attack = method.get("attack") if isinstance(method, dict) else None
    return isinstance(attack, dict) and attack.get("name") == "none"
