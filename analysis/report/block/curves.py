"""Learning curves of all trainings, as few bytes as their accuracy allows."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.floor import DROP
from analysis.report.block.metrics import shorten_title
from analysis.report.block.rows import Rows
from analysis.results.gaps import TRAINED
from analysis.results.metrics import CLEAN, EPOCH_METRIC

SCALE, MISSING = 10_000, 65_535  # of a share as a number of 16 bits
MOST_LETTERS = 4_000_000  # of base64: two columns of 1,000 configurations, 3 seeds and 200 evaluations take 3.2 million
ESSENTIAL = 2  # columns that are never left out: their evaluations are thinned instead
OWN_ATTACK = "train_robust_acc"  # under the attack of training, on the batches as trained on
TITLES = {OWN_ATTACK: "robust, own attack on batches of training"}
SHARED = 0.5  # the share of trainings whose learning rate must drop at an epoch for a line there


def build_curves(rows: Rows) -> dict[str, Any]:
    """Build the curves: `epoch`, that of each evaluation, from 0 as in records, then a text for each accuracy.

    A text is base64 of little-endian numbers of 16 bits, trainings by evaluations: accuracy times SCALE, or MISSING.
    `drops` are the epochs in which the learning rate of most trainings of each setting drops, and `titles` name the
    accuracies. What would exceed MOST_LETTERS is left out, accuracy on training first, on test last.
    """
    tables = [_number_rows(sweep.epochs, trials) for _, sweep, trials in rows.split()]
    table = pd.concat([part for part in tables if len(part)] or tables[:1], ignore_index=True)
    measured = table[table[EPOCH_METRIC].notna()] if EPOCH_METRIC in table else table.iloc[:0]
    epochs = np.unique(measured["epoch"].to_numpy(int))
    columns = [column for column in _list_columns(rows) if column in measured and measured[column].notna().any()]
    shape = len(rows.trials), len(epochs)
    settings = table["row"].map(rows.trials["setting"])
    letters = 4 * -(-2 * shape[0] * shape[1] // 3) or 1
    kept = columns[: max(MOST_LETTERS // letters, ESSENTIAL)]
    step = max(1, -(-letters * len(kept) // MOST_LETTERS))
    chosen = np.arange(len(epochs) - 1, -1, -step)[::-1]  # the last evaluation is always kept
    places = measured["row"].to_numpy(int), np.searchsorted(epochs, measured["epoch"].to_numpy(int))
    return {
        "epoch": epochs[chosen].tolist(),
        "drops": {str(setting): find_shared_drops(part) for setting, part in table.groupby(settings)},
        "titles": {column: TITLES.get(column) or shorten_title(column, rows.attacks) for column in kept},
        **{column: _encode(measured[column].to_numpy(float), places, shape, chosen) for column in kept},
    }


def _list_columns(rows: Rows) -> list[str]:
    """List the accuracies that may have curves, the most important first."""
    along = [f"test_{name}_acc" for sweep in rows.results for name in sweep.along]
    trained = TRAINED if any(TRAINED in sweep.epochs for sweep in rows.results) else OWN_ATTACK
    return list(dict.fromkeys([EPOCH_METRIC, CLEAN, *along, "val_pgd_acc", "val_clean_acc", trained]))


def _number_rows(epochs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Add to the epochs of a sweep the row of their training; those of other trainings are left out."""
    row = epochs["id"].map(dict(zip(trials["id"], trials.index, strict=True)))
    return epochs.assign(row=row)[row.notna()]


def _encode(values: np.ndarray, places: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], kept: np.ndarray) -> str:
    found = np.full(shape, MISSING, dtype="<u2")
    known = np.isfinite(values)
    found[places[0][known], places[1][known]] = np.rint(SCALE * values[known])
    return b64encode(np.ascontiguousarray(found[:, kept]).tobytes()).decode("ascii")


def find_shared_drops(epochs: pd.DataFrame) -> list[int]:
    """Return the epochs in which the learning rate of most trainings drops, as in a piecewise schedule.

    It falls to half or less there from a rate that stood still, or to one that does; one that falls all along, as a
    cosine, drops nowhere.
    """
    if "lr" not in epochs or epochs.empty:
        return []
    table = epochs.sort_values(["row", "epoch"], kind="stable")
    rate, row = table["lr"].to_numpy(float), table["row"].to_numpy(int)
    same = row[1:] == row[:-1]
    still = np.concatenate([[False], same & (rate[1:] == rate[:-1]), [False]])
    falls = same & (rate[1:] <= DROP * rate[:-1]) & (still[:-2] | still[2:])
    at, counts = np.unique(table["epoch"].to_numpy(int)[1:][falls], return_counts=True)
    return at[counts > SHARED * len(np.unique(row))].tolist()
