"""The numbered members of a front, and the numbers of seeds behind the surfaces that seeds attain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.dominance import PERCENTILES
from analysis.measures.front import FrontData, FrontPanel
from analysis.measures.stats import Estimate


def number_members(panel: FrontPanel) -> pd.DataFrame:
    """Number the members of a panel's front from 1 by decreasing clean accuracy, for both figure and table."""
    members = panel.points[panel.points["on_front"]].sort_values("x", ascending=False, kind="stable")
    return members.assign(number=np.arange(1, len(members) + 1))


def list_members(panel: FrontPanel) -> pd.DataFrame:
    """Return the members with their numbers, then with a dash the points off the front that validation selects.

    `place` is the row of each in the panel's points.
    """
    others = panel.points[panel.points["selected"] & ~panel.points["on_front"]].sort_values("x", ascending=False)
    members = number_members(panel)
    listed = pd.concat([members.assign(number=members["number"].astype(str)), others.assign(number="–")])
    return listed.assign(place=panel.points.index.get_indexer(listed.index))


def estimate_axis(row: Mapping[Any, Any], axis: str, errors: bool = True) -> Estimate:
    """Return the mean of a point along an axis, or what its robust accuracy is at most, from a row of the points."""
    limit = row["y_bound"] if axis == "y" else math.nan
    return Estimate(row[axis], row[f"{axis}_se"] if errors else math.nan, row["n"], limit)


def count_attaining(n: int) -> tuple[int, ...]:
    """Return how many of n seeds must attain a point of the 25, 50 and 75 % surfaces: the band's edges and middle."""
    return tuple(math.ceil(p * n / 100) for p in PERCENTILES)


def list_seed_counts(front: FrontData) -> list[int]:
    """Return the numbers of seeds behind the surfaces: fewer than all if configurations completed unequally many."""
    return sorted(
        {
            panel.balanced[curve]["replicate"].nunique()
            for panel in front.panels
            for curve, corners in panel.surfaces.items()
            if corners
        },
        reverse=True,
    )
