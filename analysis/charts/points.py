"""The figure of points with bars: one number of each configuration against another, such as cost and accuracy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import arrange_panels, create_plots, fill_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Register, Style
from analysis.charts.text import LOG_RATIO, count_title_letters, draw_legend, wrap_axis_label, wrap_title, write_percent
from analysis.measures.cost import COSTS
from analysis.measures.figure_table import TidyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

PANEL_HEIGHT = 2.4  # inches
MARGIN = 0.06  # of the largest cost, right of it


class Points(NamedTuple):
    """Two numbers of each configuration, in panels."""

    table: pd.DataFrame  # with panel, choice, x, x_lo, x_hi, y, y_lo, y_hi, and `ring`, whether a ring marks the point
    x_titles: dict[str, str]  # of each panel
    y_title: str
    ring: str = ""  # what a ring means
    equal: bool = False  # whether both axes are accuracies under two attacks: in percent, with the line of equal ones


def compare_attacks(table: pd.DataFrame) -> Points:
    """Return the points of a table of `tabulate_masking`: accuracy under PGD against accuracy under AutoAttack."""
    panel = (table["attack"] + "\n" + table["setting"]).str.strip()
    points = {"panel": panel, "x": table["weak"], "y": table["strong"], "ring": table["alarm"]}
    for axis, name in (("x", "weak"), ("y", "strong")):
        points |= {f"{axis}_lo": table[name] - table[f"{name}_se"], f"{axis}_hi": table[name] + table[f"{name}_se"]}
    titles = {key: f"accuracy, {attack}" for key, attack in zip(panel, table["attack"], strict=True)}
    return Points(table.assign(**points), titles, f"accuracy, {table['against'].iloc[0]}", "masking alarm", equal=True)


def compare_costs(table: pd.DataFrame, y_title: str) -> Points:
    """Return the points of a table of `measure_cost`: cost against accuracy, a panel a cost and problem."""
    panel = table["setting"] + table["cost"].map(lambda cost: f"\n{cost}")
    points = table.assign(panel=panel, y=table["mean"], y_lo=table["lo"], y_hi=table["hi"], ring=False)
    return Points(points, {key: COSTS[cost] for key, cost in zip(panel, table["cost"], strict=True)}, y_title)


def show_points(table: TidyTable) -> Points:
    """Return the points of a table of a figure, a mark a line; `variant` is the attack of x where x is an accuracy."""
    points = table.points.rename(columns={"line": "choice", "mean": "y", "lo": "y_lo", "hi": "y_hi"})
    titles = dict(zip(points["panel"], points["variant"], strict=True))
    equal = any(titles.values())
    named = {panel: f"accuracy, {attack}" if attack else table.x_title for panel, attack in titles.items()}
    return Points(points, named, table.y_title, "masking alarm", equal)


def size_points(info: Points, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, 0.5 + PANEL_HEIGHT * arrange_panels(info.table["panel"].nunique(), width)[0]


def draw_points(figure: Figure, info: Points, register: Register, note: str = "") -> None:
    """Draw a mark per configuration with bars to both sides; an axis of cost that spans decades is logarithmic.

    A note stands below the panels, in small type.
    """
    paint = register.assign_styles(info.table["choice"])
    panels = info.table.groupby("panel", sort=False)
    _, columns = arrange_panels(len(panels), figure.get_figwidth())
    plots = create_plots(figure, fill_rows(len(panels), columns))
    for plot, (title, points) in zip(plots, panels, strict=True):
        plot.set_title(wrap_title(str(title).strip(), count_title_letters(figure.get_figwidth(), columns)))
        for point in points.to_dict("records"):
            style = paint[point["choice"]]
            bars: dict[str, Any] = {
                f"{axis}err": [[_half(point[axis], point[f"{axis}_lo"])], [_half(point[f"{axis}_hi"], point[axis])]]
                for axis in "xy"
            }
            plot.errorbar(point["x"], point["y"], **bars, fmt=style.marker, ms=5, color=style.colour, elinewidth=0.9)
        ringed = points[points["ring"].astype(bool)]
        plot.scatter(ringed["x"], ringed["y"], s=11**2, facecolors="none", edgecolors="black", lw=0.9)
        x_title = f"{info.x_titles[str(title)]} (%)" if info.equal else info.x_titles[str(title)]
        plot.set_xlabel(wrap_axis_label(x_title, (figure.get_figwidth() - 0.8) / columns))
        _scale_axes(plot, info, points)
    for plot in plots[::columns]:
        plot.set_ylabel(wrap_axis_label(f"{info.y_title} (%)", PANEL_HEIGHT - 0.5))
    draw_legend(figure, _make_handles(info, paint), note)


def _scale_axes(plot: Plot, info: Points, points: pd.DataFrame) -> None:
    """Scale the axes of a panel: a line of equal accuracies, or a logarithmic cost; a cost begins at zero else."""
    from matplotlib.ticker import EngFormatter

    if info.equal:
        low, high = (getattr(points[["x", "y"]].to_numpy(), end)() for end in ("min", "max"))
        plot.plot([low, high], [low, high], color="0.6", lw=0.8, zorder=1)
        write_percent(plot, "x")
    elif points["x"].min() > 0 and points["x"].max() > LOG_RATIO * points["x"].min():
        plot.set_xscale("log")
    else:
        plot.set_xlim(0, (1 + MARGIN) * max(points["x"].max(), points["x_hi"].max()))
        plot.locator_params(axis="x", nbins=4)
        plot.xaxis.set_major_formatter(EngFormatter(sep=""))  # 1M, not 1 with a lost 1e6 below the axis
    write_percent(plot)


def _half(high: float, low: float) -> float:
    """Return the length of a bar; 0 where its end is not known."""
    return float(np.nan_to_num(high - low))


def _make_handles(info: Points, paint: dict[str, Style]) -> list[object]:
    from matplotlib.lines import Line2D

    named: list[object] = [
        Line2D([], [], color=style.colour, ls="", marker=style.marker, label=name)
        for name, style in paint.items()
        if name
    ]
    if info.table["ring"].any():
        named.append(Line2D([], [], ls="", marker="o", ms=9, mfc="none", mec="black", label=info.ring))
    if info.equal:
        named.append(Line2D([], [], color="0.6", lw=0.8, label="equal accuracy"))
    return named


def plot_points(info: Points, register: Register | None = None, width: float = WIDTH, note: str = "") -> Chart:
    """Plot a mark a configuration with bars to both sides, and a note below."""
    draw = partial(draw_points, info=info, register=register or Register(), note=note)
    return Chart(size_points(info, width), draw, note)
