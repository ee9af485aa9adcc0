"""The figure of a trade-off: clean against robust accuracy, a curve a line through its points, stars on the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_plots, list_panels, place_panels
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Style
from analysis.charts.text import count_ticks, count_title_letters, draw_legend, wrap_axis_label, wrap_title
from analysis.measures.figure_table import TidyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

HEIGHT = 2.6  # inches of a panel
FAINT = 0.45  # opacity of what another point dominates
NARROW = 3.0  # times the least value: a shorter axis has no two powers of ten, and is divided evenly
MARGIN = 0.1  # of the logarithm of a range, to each side
X, Y = ("x", "x_lo", "x_hi"), ("mean", "lo", "hi")  # columns of the values along each axis


def size_trade_off(tables: Sequence[TidyTable], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    places = place_panels([tables[place].y_title for place, _ in list_panels(tables)], width)
    return width, 0.4 + HEIGHT * (1 + max(row for row, _ in places))


def draw_trade_off(figure: Figure, tables: Sequence[TidyTable], styles: Mapping[str, Style], note: str = "") -> None:
    """Draw a panel for each table and panel title, on logarithmic axes; all panels of a table have one range."""
    from matplotlib.lines import Line2D

    panels, width = list_panels(tables), figure.get_figwidth()
    places = place_panels([tables[place].y_title for place, _ in panels], width)
    columns = 1 + max(column for _, column in places)
    plots = create_plots(figure, places)
    for plot, (_, column), (number, panel) in zip(plots, places, panels, strict=True):
        table = tables[number]
        _draw_panel(plot, table, panel, styles, min(4, count_ticks((width - 0.5) / columns - 0.4)))
        plot.set_title(wrap_title(panel, count_title_letters(width, columns)))
        plot.set_xlabel(wrap_axis_label(f"{table.x_title} (%)", (width - 0.5) / columns - 0.2))
        if column == 0:
            plot.set_ylabel(wrap_axis_label(f"{table.y_title} (%)", HEIGHT - 0.4))
    lines = dict.fromkeys(str(line) for table in tables for line in table.points["line"])
    handles = [
        Line2D([], [], color=styles[line].colour, marker=styles[line].marker, ms=4, lw=1.2, label=line)
        for line in lines
    ]
    draw_legend(figure, [*handles, Line2D([], [], color="0.3", ls="", marker="*", ms=9, label="on the front")], note)


def _draw_panel(plot: Plot, table: TidyTable, panel: str, styles: Mapping[str, Style], most: int) -> None:
    """Draw a panel with at most `most` intervals between the ticks along x."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    points = table.points[table.points["panel"] == panel]
    for line, group in points.groupby("line", sort=False):
        style = styles[str(line)]
        plot.plot(100 * group["x"], 100 * group["mean"], color=style.colour, lw=1.2, alpha=0.8, zorder=2)
        for point in group.to_dict("records"):
            x, y, opacity = 100 * point["x"], 100 * point["mean"], 1.0 if point["on_front"] else FAINT
            bars = 100 * (point["x_hi"] - point["x"]), 100 * (point["hi"] - point["mean"])
            marker, size = ("*", 9) if point["on_front"] else (style.marker, 4)
            plot.errorbar(
                x, y, xerr=bars[0], yerr=bars[1], color=style.colour, lw=0.8, alpha=opacity, zorder=3,
                marker=marker, ms=size,
            )  # fmt: skip
    curves = points.groupby("line", sort=False).filter(lambda group: len(group) > 1)
    for ends in (points.drop_duplicates("line"), curves.drop_duplicates("line", keep="last")):
        _label_end(plot, ends.set_index("line"), styles)
    plot.set(xscale="log", yscale="log")
    for axis, limit, names, ticks in ((plot.xaxis, plot.set_xlim, X, most), (plot.yaxis, plot.set_ylim, Y, 4)):
        low, high = find_span(table.points, names)
        limit(low, high)
        axis.set_major_locator(
            MaxNLocator(ticks, steps=(1, 2, 4, 5, 10)) if high < NARROW * low else LogLocator(subs=(1, 2, 3, 5))
        )
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _label_end(plot: Plot, ends: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    """Write the places of an end of each line; where all lines have the same place, once, above the uppermost."""
    if ends.empty:
        return
    alike = ends["label"].nunique() == 1
    shown = ends.loc[[ends["mean"].idxmax()]] if alike else ends
    for line, point in shown.iterrows():
        plot.annotate(
            point["label"], (100 * point["x"], 100 * point["mean"]), (5, 5), textcoords="offset points",
            fontsize=6.5, color="0.2" if alike else styles[str(line)].colour, zorder=4,
        )  # fmt: skip


def find_span(points: pd.DataFrame, names: Sequence[str]) -> tuple[float, float]:
    """Return the range of a logarithmic axis in percent, from the columns of its values, with a margin."""
    values = 100 * points[list(names)].to_numpy(float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(high / low, 1.01) ** MARGIN
    return low / margin, high * margin


def plot_trade_off(
    tables: Sequence[TidyTable], styles: Mapping[str, Style], width: float = WIDTH, note: str = ""
) -> Chart:
    """Plot clean against robust accuracy in some styles, with a note below."""
    draw = partial(draw_trade_off, tables=tables, styles=styles, note=note)
    return Chart(size_trade_off(tables, width), draw, note)
