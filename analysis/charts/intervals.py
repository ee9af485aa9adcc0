"""The figure of numbers with intervals: a row per configuration, such as gaps or the onset of overfitting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.rows import draw_upright, lay_out_rows, size_rows, write_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import MARKERS, NEUTRAL
from analysis.charts.text import draw_legend, wrap_axis_label, write_percent
from analysis.measures.tidy import group_by_setting
from analysis.results.metrics import CHECKPOINTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RING: dict[str, Any] = {"s": 11**2, "facecolors": "none", "edgecolors": "black", "lw": 0.9, "zorder": 3}
APART = 0.14  # of a row, between marks of one row


class Intervals(NamedTuple):
    """A tidy table with a row per configuration and value of `mark`."""

    table: pd.DataFrame  # with setting, choice, configuration, mean, lo, hi; `alarm` where a row may have one
    x_title: str
    mark: str = ""  # the column whose values have a marker each within a row: checkpoint, attack
    percent: bool = False  # whether the values are fractions to be written in points
    zero: bool = True  # whether a line marks zero

    def rows(self) -> pd.DataFrame:
        """Return the configurations, a row each, in the order of the figure: settings are consecutive."""
        names = self.table.drop_duplicates("configuration")[["configuration", "choice", "setting"]]
        return names.iloc[group_by_setting(names["setting"].tolist())]


def size_intervals(info: Intervals, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    rows = info.rows()
    return size_rows(rows["choice"].tolist(), rows["setting"].tolist(), width)


def draw_intervals(figure: Figure, info: Intervals) -> None:
    """Draw a mark and its interval per row and value of `mark`; a number of one training has no interval."""
    plot, rows = figure.subplots(), info.rows()
    layout = lay_out_rows(rows["choice"].tolist(), rows["setting"].tolist(), figure.get_figwidth())
    heights = dict(zip(rows["configuration"], layout.marks, strict=True))
    groups = info.table.groupby(info.mark, sort=False) if info.mark else [("", info.table)]
    handles: list[object] = []
    several = len(list(groups)) - 1
    for place, (name, found) in enumerate(groups):
        y = found["configuration"].map(heights) + APART * (place - several / 2)
        bars = np.nan_to_num([found["mean"] - found["lo"], found["hi"] - found["mean"]])
        drawn = plot.errorbar(
            found["mean"], y, xerr=bars, fmt=MARKERS[place % len(MARKERS)], ms=5, color=NEUTRAL,
            mfc="white" if place % 2 else NEUTRAL, label=CHECKPOINTS.get(str(name), str(name)),
        )  # fmt: skip
        if name:
            handles.append(drawn)
        if "alarm" in found:
            alarm = found["alarm"].astype(bool)
            plot.scatter(found["mean"][alarm], y[alarm], **RING)
    write_rows(plot, layout)
    if info.zero:
        draw_upright(plot, layout, 0.0)
    plot.set_xlabel(wrap_axis_label(info.x_title, figure.get_figwidth() - 0.4))
    if info.percent:
        write_percent(plot, "x")
    if "alarm" in info.table and info.table["alarm"].any():
        handles.append(plot.scatter([], [], label="alarm", **RING))
    if handles:
        draw_legend(figure, handles)


def plot_intervals(info: Intervals, width: float = WIDTH) -> Chart:
    """Plot numbers with their intervals, a row a configuration."""
    return Chart(size_intervals(info, width), partial(draw_intervals, info=info))
