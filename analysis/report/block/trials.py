"""The numbers of each training at both checkpoints, as in the table of trials: a value a training, by columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.report.block.json_text import round_numbers
from analysis.report.block.rows import Rows
from analysis.results.metrics import CHECKPOINTS, name_bound


def build_trials(rows: Rows, metrics: list[str]) -> dict[str, list[Any]]:
    """Build the columns of all trainings; a number that a training has not is None."""
    trials = rows.trials
    return {
        "configuration": trials["place"].tolist(),
        "replicate": trials["replicate"].tolist(),
        "id": trials["id"].tolist(),
        "best_epoch": round_numbers(_read(trials, "best_epoch"), 0),
        **{
            f"{checkpoint}_{metric}": round_numbers(_read(trials, f"{checkpoint}_{metric}"))
            for checkpoint in CHECKPOINTS
            for metric in metrics
        },
        **{
            column: round_numbers(_read(trials, column))
            for metric in metrics
            for checkpoint in CHECKPOINTS
            if (column := f"{checkpoint}_{name_bound(metric)}") in trials
        },
        "robust_overfitting": round_numbers(_read(trials, "robust_overfitting")),
        "gradient_masking_gap": round_numbers(_read(trials, f"{rows.checkpoint}_gradient_masking_gap")),
    }


def _read(trials: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as numbers; NaN where no training has it."""
    return trials[column].to_numpy(float) if column in trials else np.full(len(trials), np.nan)
