"""What overfitting costs each trial, from its curve and last epoch; `analysis.overfitting` says what each can mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.metrics import EPOCH_METRIC

# Robust training accuracy under the attack of the curves, in eval mode. `train_robust_acc` is under the training's own
# attack, on the batches as trained on: its difference to test accuracy would be one between two attacks.
TRAINED = "train_pgd_acc"


def with_gaps(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """The table of trials with the columns of gaps, where last epochs are measured at all."""
    if f"last_{EPOCH_METRIC}" not in trials:
        return trials

    torn = trials["epochs_done"] < pd.to_numeric(trials["epochs_planned"])

    def of_epochs(name: str, how: str) -> pd.Series:
        """One number a trial from its whole curve, of whose beginning alone it would say nothing: maximum, or last."""
        if name not in epochs:
            return pd.Series(np.nan, index=trials.index)
        return trials["id"].map(epochs.groupby("id")[name].agg(how)).mask(torn)

    last = trials[f"last_{EPOCH_METRIC}"]
    curve = of_epochs(EPOCH_METRIC, "max")
    peak = np.maximum(curve, last)  # the last epoch counts too: best - last is never negative; NaN without a curve
    trials["peak_test_pgd_acc"] = peak
    trials["robust_overfitting"] = peak - last
    trials["robust_overfitting_val"] = trials[f"best_{EPOCH_METRIC}"] - last
    trials["generalization_gap"] = of_epochs(TRAINED, "last") - last
    trials["clean_generalization_gap"] = of_epochs("train_clean_acc", "last") - trials["last_test_clean_acc"]
    return trials.copy()
