"""Overfitting of each trial, from its curve and last epoch; `measures.overfitting` says what each gap can mean.

Peaks are within the selection window, as the best checkpoint is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.results.metrics import CHECKPOINTS, EPOCH_METRIC
from trainers.best import BEGINS

# Robust training accuracy under the attack of the curves, in eval mode. `train_robust_acc` is under the training's own
# attack, on the batches as trained on: its difference to test accuracy would mix two attacks.
TRAINED = "train_pgd_acc"


def find_selection_starts(epochs: pd.DataFrame) -> pd.Series:
    """Return the first epoch of each trial's selection window, by its id; a trial that has not reached it has none."""
    known = epochs.dropna(subset=[BEGINS]) if BEGINS in epochs else epochs.iloc[:0].assign(**{BEGINS: 0})
    return known.groupby("id")[BEGINS].max()


def keep_selectable(epochs: pd.DataFrame) -> pd.DataFrame:
    """Keep the epochs in their trial's selection window: only these may be the best."""
    first = epochs["id"].map(find_selection_starts(epochs)).fillna(0)
    return epochs[epochs["epoch"] >= first]


def describe_window(trials: pd.DataFrame) -> str:
    """Write from which epoch on the best of some trials is selected; empty if all select from the first epoch on."""
    firsts = sorted({int(first) for first in trials["select_from"]})
    if not firsts or not firsts[-1]:
        return ""
    if len(firsts) == 1:
        return f"from epoch {firsts[0]} on"
    return f"from epoch {firsts[0]} to {firsts[-1]} on, by configuration"


def describe_checkpoint(checkpoint: str, trials: pd.DataFrame) -> str:
    """Write which epoch a checkpoint is: the last, or the one that validation selects, and from which epoch on."""
    words = describe_window(trials) if checkpoint == "best" else ""
    return f"{CHECKPOINTS[checkpoint]}{f' ({words})' * bool(words)}"


def add_gaps(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with columns of gaps; without them if no last epoch was measured."""
    if f"last_{EPOCH_METRIC}" not in trials:
        return trials

    incomplete = trials["epochs_done"] < pd.to_numeric(trials["epochs_planned"])

    def reduce_epochs(name: str, how: str, rows: pd.DataFrame = epochs) -> pd.Series:
        """Reduce each trial's curve to its maximum or last value; NaN if the curve is incomplete."""
        if name not in rows:
            return pd.Series(np.nan, index=trials.index)
        return trials["id"].map(rows.groupby("id")[name].agg(how)).mask(incomplete)

    last = trials[f"last_{EPOCH_METRIC}"]
    curve = reduce_epochs(EPOCH_METRIC, "max", keep_selectable(epochs))
    peak = np.maximum(curve, last)  # with the last epoch, so that best - last is never negative; NaN without a curve
    trials["peak_test_pgd_acc"] = peak
    trials["robust_overfitting"] = peak - last
    trials["robust_overfitting_val"] = trials[f"best_{EPOCH_METRIC}"] - last
    trials["generalization_gap"] = reduce_epochs(TRAINED, "last") - last
    trials["clean_generalization_gap"] = reduce_epochs("train_clean_acc", "last") - trials["last_test_clean_acc"]
    return trials.copy()
