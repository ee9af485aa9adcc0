"""Which part of a panel of fronts is in view: its fronts, and all points but those that lie far below the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.front import FrontPanel

FENCE = 1.5  # interquartile ranges below the first quartile: what lies lower is an outlier (Tukey 1977)
MARGIN = 0.06  # of the span, around all that is in view


class View(NamedTuple):
    """What is in view along both axes, and how many configurations lie outside."""

    x: tuple[float, float]
    y: tuple[float, float]
    outside: int


def find_view(panel: FrontPanel, log: bool) -> View:
    """Return the view of a panel: members of fronts, what validation selects, and all that is no outlier.

    A collapsed configuration would otherwise squeeze the front into a corner. The frame is below and left of every
    configuration in view and its seeds, so that the outlines of fronts reach it. `log`: the axes are logarithmic, where
    the frame is positive, and an accuracy of 0 has no place.
    """
    points = panel.points[panel.points["y_bound"].isna()]
    kept = _mark_near(points) | points[["on_front", "on_own_front", "selected"]].any(axis=1)
    frame = _find_frame(panel, points[kept], log)
    while ((inside := (points[["x", "y"]] >= frame[0]).all(axis=1)) & ~kept).any():  # their seeds may lie lower
        kept |= inside
        frame = _find_frame(panel, points[kept], log)
    (left, bottom), (right, top) = frame.tolist()
    return View((left, right), (bottom, top), int((~inside).sum()))


def _find_frame(panel: FrontPanel, kept: pd.DataFrame, log: bool) -> np.ndarray:
    """Return the corners of a frame around some configurations, their error bars upwards, and their seeds."""
    seeds = panel.trials.merge(kept[["sweep", "configuration"]], on=["sweep", "configuration"])[["x", "y"]].to_numpy()
    means = kept[["x", "y"]].to_numpy()
    found = np.concatenate([seeds, means, means + kept[["x_se", "y_se"]].to_numpy()])
    if log:
        found = np.log(np.where(found > 0, found, 1.0))
    low, high = np.nanmin(found, axis=0), np.nanmax(found, axis=0)
    margin = MARGIN * np.maximum(high - low, 0.01)
    frame = np.stack([low - margin, high + margin])
    return np.exp(frame) if log else frame


def _mark_near(points: pd.DataFrame) -> pd.Series:
    """Return for each point whether it lies above the fences of both accuracies."""
    places = points[["x", "y"]]
    first, third = places.quantile(0.25), places.quantile(0.75)
    return (places >= first - FENCE * (third - first)).all(axis=1)
