"""The curve of one training around the first drop of its learning rate."""

from __future__ import annotations

import math

import pandas as pd

from analysis.measures.floor import find_drops

STEP_SHARE = 0.1  # of the epochs: before and after a drop of the learning rate, what is compared


def find_drop(curve: pd.DataFrame) -> int:
    """Return the row at which the learning rate has first dropped; 0 if it never does."""
    drops = find_drops(curve["lr"].to_numpy(float))
    return int(drops[0]) if len(drops) else 0


def find_moment(curve: pd.DataFrame, moment: str) -> int | None:
    """Return the epoch of a moment: the first, the last before the first drop, the last; None without a drop."""
    drop = find_drop(curve)
    place = {"first": 0, "last": len(curve) - 1, "drop": drop - 1 if drop else None}[moment]
    return None if place is None else int(curve["epoch"].iloc[place])


def measure_change(curve: pd.DataFrame, name: str, how: str) -> float:
    """Return the step of a curve over the first drop, or the change from after the drop to the end; NaN without one.

    Means over STEP_SHARE of the epochs are compared: before and after the drop, or after the drop and at the end.
    """
    drop, span = find_drop(curve), max(1, round(STEP_SHARE * len(curve)))
    if not drop:
        return math.nan
    values = curve[name]
    after = values.iloc[drop : drop + span].mean()
    if how == "step":
        return float(after - values.iloc[max(0, drop - span) : drop].mean())
    return float(values.iloc[-span:].mean() - after)
