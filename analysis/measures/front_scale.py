"""The numeric axis along which the points of a front are ordered, and the chains of points along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from analysis.measures.one_axis import varies_alone
from analysis.results.sweep import Sweep


class Scale(NamedTuple):
    """A numeric axis whose values, with all else equal, are joined by a line and coloured by their order."""

    path: str
    name: str
    labels: tuple[str, ...]  # by size


def find_scale(sweeps: Sequence[Sweep], grouped: Sequence[str] = ()) -> Scale | None:
    """Return the numeric axis with most values among those that vary alone in some sweep; None if there is none.

    The axes `grouped`, which name the groups, are no such axis: along a group nothing varies on them.
    """
    found: dict[str, dict[str, float]] = {}  # path -> label -> number, over all sweeps
    for results in sweeps:
        done = results.completed
        paths = [path for path in (*results.axes.method, *results.axes.subset) if path not in grouped]
        found |= {path: {} for path in paths if path not in found and varies_alone(results, done, path)}
    for results in sweeps:
        for path in set(found) & set(results.axes.paths):
            found[path] |= {label: results.axes.number(path, label) for label in results.axes.order[path]}
    known = {path: numbers for path, numbers in found.items() if not any(map(math.isnan, numbers.values()))}
    if not known:
        return None
    path = max(known, key=lambda path: len(known[path]))
    name = next(results.axes.short[path] for results in sweeps if path in results.axes.paths)
    return Scale(path, name, tuple(sorted(known[path], key=lambda label: known[path][label])))


def add_scale(results: Sweep, scale: Scale | None) -> pd.DataFrame:
    """Add to a sweep's trials `scale`, their label on the scale, and `rest`, the rest of their method in words."""
    trials, axes = results.study_trials, results.axes
    if scale is None or scale.path not in axes.paths:
        return trials.assign(scale="", rest=trials["family"])
    others = [path for path in axes.method if path != scale.path]
    rest = [axes.describe({path: row[path] for path in others}, others) for row in trials.to_dict("records")]
    subsets = [path for path in axes.subset if path != scale.path]
    labels = [axes.describe({path: row[path] for path in subsets}, subsets) for row in trials.to_dict("records")]
    subset = labels if scale.path in axes.subset else trials["subset_label"]
    return trials.assign(scale=trials[scale.path], rest=rest, subset_label=subset)


def find_chains(points: pd.DataFrame, scale: Scale | None) -> list[pd.DataFrame]:
    """Return chains of points in the order of the scale, equal in all else within a chain; none without a scale."""
    if scale is None:
        return []
    order = {label: place for place, label in enumerate(scale.labels)}
    known = points[points["scale"].isin(order)]
    groups = known.assign(place=known["scale"].map(order)).groupby(["sweep", "rest", "subset_label"], sort=False)
    return [group.sort_values("place", kind="stable") for _, group in groups if len(group) > 1]
