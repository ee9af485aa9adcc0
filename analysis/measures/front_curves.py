"""The configurations of each sweep or group among the points of a panel; several sweeps may hold one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.measures.dominance import find_knee
from analysis.results.shared_trainings import IDENTITY
from trainers.objectives import non_dominated


@dataclass(frozen=True)
class Curve:
    """The configurations of a sweep, or of one of its groups, as rows of the points of a panel."""

    points: pd.Index
    members: pd.Index  # those on its own front
    knee: int | None


def list_held(points: pd.DataFrame, group: pd.DataFrame, column: str) -> dict[str, pd.Index]:
    """Return the points of each sweep or curve, which a column of the trials of `share_trainings` names."""
    places = pd.Series(points.index, pd.MultiIndex.from_frame(points[IDENTITY]))
    found = {}
    for name, rows in group.groupby(column, sort=False):
        keys = pd.MultiIndex.from_frame(rows[IDENTITY].drop_duplicates())
        found[str(name)] = pd.Index(places[places.index.isin(keys)])
    return {name: index for name, index in found.items() if len(index)}


def list_curves(points: pd.DataFrame, whole: pd.DataFrame, group: pd.DataFrame) -> dict[str, Curve]:
    """Return the points of each curve with its own front; `whole` are the points that may be on one."""
    found = {}
    for name, index in list_held(points, group, "curve").items():
        rows = whole.loc[whole.index.intersection(index)]
        members = rows[non_dominated(rows[["x", "y"]].to_numpy())]
        knee = find_knee(members[["x", "y"]].to_numpy())
        found[name] = Curve(index, members.index, None if knee is None else int(members.index[knee]))
    return found
