"""Tidy tables of measures: a row a point, with `mean`, the interval `lo` to `hi`, `n`, and how the interval is made.

`n` is the number of trainings, one a seed. Columns before these say of what the point is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.measures.stats import estimate_groups, t_quantile
from analysis.results.sweep import Sweep

CONTEXT = ("configuration", "name", "choice", "setting", "family", "subset_label", "subset_kind")
STANDARD_ERROR = "mean ± one standard error over seeds"
T_INTERVAL = "95 % t-interval of the mean over seeds"


def tabulate_means(
    table: pd.DataFrame, keys: Sequence[str], column: str, interval: str = STANDARD_ERROR
) -> pd.DataFrame:
    """Average a column over the rows that share `keys`, a row a training: keys, `mean`, `lo`, `hi`, `n`, `interval`.

    `interval` is STANDARD_ERROR or T_INTERVAL; `lo` and `hi` are NaN for one training. Unknown values are left out, and
    so are rows without a value.
    """
    known = table[np.isfinite(table[column].astype(float))]
    columns = {column: "mean", f"{column}_se": "se", f"{column}_n": "n"}
    found = estimate_groups(known[[column]], [known[key] for key in keys]).reset_index().rename(columns=columns)
    widths = {n: 1.0 if interval == STANDARD_ERROR else t_quantile(int(n)) for n in found["n"].unique()}
    half = found["se"] * found["n"].map(widths)
    found = found.assign(lo=found["mean"] - half, hi=found["mean"] + half, interval=interval)
    return found[[*keys, "mean", "lo", "hi", "n", "interval"]]


def group_by_setting(settings: Sequence[str]) -> list[int]:
    """Return the places of rows so that those of a setting are consecutive, with settings in order of appearance."""
    order = {setting: place for place, setting in enumerate(dict.fromkeys(settings))}
    return sorted(range(len(settings)), key=lambda place: order[settings[place]])


def add_context(table: pd.DataFrame, results: Sweep) -> pd.DataFrame:
    """Return a table with the names of its configurations, its rows in the order of the sweep's configurations."""
    names = results.study_trials.drop_duplicates("configuration")[list(CONTEXT)]
    place = dict(zip(names["configuration"], range(len(names)), strict=True))
    known = table[table["configuration"].isin(place)]
    ordered = known.sort_values("configuration", key=lambda column: column.map(place), kind="stable")
    return names.merge(ordered, on="configuration", how="right").reset_index(drop=True)
