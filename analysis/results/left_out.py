"""The trainings of a sweep that a figure does not draw, in words."""

from __future__ import annotations

import pandas as pd

from analysis.results.axes import Axes
from trainers.formatting import format_list

MOST_LABELS = 4  # of an axis, or names of configurations, that are listed


def describe_left_out(axes: Axes, trials: pd.DataFrame, kept: pd.DataFrame) -> str:
    """Say which of some trials are not kept, by the values of axes that no kept trial has; empty if all are kept.

    The axis that accounts for the most of them comes first. Those that no axis accounts for are named.
    """
    rest = trials[~trials["id"].isin(kept["id"])]
    if rest.empty:
        return ""
    head = f"{len(rest)} of {len(trials)} trainings"
    left: list[str] = []
    drawn: list[str] = []
    while len(rest):
        unkept = {path: rest[path].isin(set(rest[path]) - set(kept[path]) - {""}) for path in axes.varying}
        path = max(unkept, key=lambda path: unkept[path].sum(), default="")
        if not path or not unkept[path].any():
            left.append(format_list(list(dict.fromkeys(rest["name"])), MOST_LABELS))
            break
        left.append(_list_labels(axes, path, rest[unkept[path]]))
        drawn.append(_list_labels(axes, path, kept))
        rest = rest[~unkept[path]]
    return f"{head}, those with {' or '.join(left)}{'; drawn: ' * bool(drawn)}{', '.join(drawn)}."


def _list_labels(axes: Axes, path: str, trials: pd.DataFrame) -> str:
    """Write the name of an axis and the values of it that some trials have."""
    found = set(trials[path])
    labels = [label for label in axes.order[path] if label in found]
    return f"{axes.short[path]} {format_list(labels, MOST_LABELS)}" if labels else f"no {axes.short[path]}"
