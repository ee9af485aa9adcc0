"""The onset of robust overfitting: the epoch from which on robust test accuracy falls.

It is the epoch of the highest robust test accuracy in the selection window, smoothed by a running mean of SPAN
evaluations, because the peak of a noisy plateau may lie anywhere on it. A configuration has an onset if it overfits,
i.e. if its accuracy falls along the plateau (`measures.floor`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.measures.floor import find_drops
from analysis.measures.overfitting import find_overfitting, measure_overfitting
from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.gaps import keep_selectable
from analysis.results.metrics import EPOCH_METRIC
from analysis.results.sweep import Sweep

SPAN = 3  # evaluations of the running mean


def find_onsets(results: Sweep) -> pd.DataFrame:
    """Find the onset of each completed training: `peak` of the smoothed curve, and `onset`, NaN if it does not overfit.

    Also given are `lr` at the peak, as a fraction of the first, and `first_drop`, the epoch of the first drop of the
    learning rate, NaN without any. The table is empty if robust test accuracy was not measured.
    """
    done = results.completed
    if EPOCH_METRIC not in results.epochs or done.empty:
        return pd.DataFrame(columns=["id", "configuration", "replicate", "peak", "onset", "lr", "first_drop"])
    table = measure_overfitting(results)
    overfits = dict(zip(table["configuration"], find_overfitting(table), strict=True))
    curves = {trial: rows.sort_values("epoch") for trial, rows in results.epochs.groupby("id")}
    rows = []
    for trial, configuration, replicate in done[["id", "configuration", "replicate"]].itertuples(index=False):
        curve = curves.get(trial)
        known = None if curve is None else keep_selectable(curve).dropna(subset=[EPOCH_METRIC])
        if curve is None or known is None or known.empty:
            continue
        peak = known.iloc[int(np.argmax(smooth(known[EPOCH_METRIC].to_numpy(float))))]
        lr, drops = curve["lr"].to_numpy(float), find_drops(curve["lr"].to_numpy(float))
        row = {"id": trial, "configuration": configuration, "replicate": replicate, "peak": float(peak["epoch"])}
        row |= {"onset": row["peak"] if overfits.get(configuration) else np.nan, "lr": float(peak["lr"]) / lr[0]}
        rows.append(row | {"first_drop": float(curve["epoch"].iloc[drops[0]]) if len(drops) else np.nan})
    return pd.DataFrame(rows, columns=["id", "configuration", "replicate", "peak", "onset", "lr", "first_drop"])


def smooth(accuracy: np.ndarray) -> np.ndarray:
    """Return the centred running mean of SPAN evaluations, of fewer at the ends."""
    return pd.Series(accuracy).rolling(SPAN, center=True, min_periods=1).mean().to_numpy()


def measure_onset(results: Sweep) -> pd.DataFrame:
    """Measure the onset epoch of each configuration that overfits, with the 95 % t-interval over seeds.

    `lr` and `first_drop` are means over the same trainings.
    """
    found = find_onsets(results)
    found = found[found["onset"].notna()]
    table = tabulate_means(found, ["configuration"], "onset", T_INTERVAL)
    extra = found.groupby("configuration", sort=False)[["lr", "first_drop"]].mean().reset_index()
    return add_context(table.merge(extra, on="configuration"), results)
