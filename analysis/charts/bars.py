"""The figure of bars by class: an accuracy of each class, a bar a line, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import arrange_panels, create_plots, fill_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Style
from analysis.charts.text import count_title_letters, draw_legend, wrap_axis_label, wrap_title, write_percent
from analysis.measures.figure_table import TidyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST_BARS = 4  # of a class, that can be told apart
PANEL_WIDTH, PANEL_HEIGHT = 2.4, 1.6  # inches; a narrower panel has bars of a hair's breadth
LETTER = 0.06  # inches, of the name of a class
TOGETHER = 0.8  # of the distance of two classes, that the bars of a class take


class BarPanel(NamedTuple):
    """One quantity by class, in one panel."""

    title: str
    y_title: str
    points: pd.DataFrame


def split_panels(table: TidyTable) -> list[BarPanel]:
    """Split a tidy table whose x is a class into panels: a row of them a variant."""
    groups = table.points.groupby(["variant", "panel"], sort=False)
    return [BarPanel(str(panel), str(variant), points) for (variant, panel), points in groups]


def size_bars(table: TidyTable, classes: Sequence[str], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    panels = split_panels(table)
    rows, columns = arrange_panels(len(panels), width, PANEL_WIDTH)
    letters = count_title_letters(width, columns)
    lines = max(wrap_title(panel.title, letters).count("\n") + bool(panel.title) for panel in panels)
    return width, 0.2 + rows * (PANEL_HEIGHT + 0.15 * lines + _measure_names(classes)) + 0.2


def draw_bars(
    figure: Figure, table: TidyTable, classes: Sequence[str], styles: Mapping[str, Style], note: str = ""
) -> None:
    """Draw a panel for each variant and panel, a group of bars a class; all panels of a variant have one range."""
    from matplotlib.patches import Patch

    panels, width = split_panels(table), figure.get_figwidth()
    _, columns = arrange_panels(len(panels), width, PANEL_WIDTH)
    plots = create_plots(figure, fill_rows(len(panels), columns))
    lines = list(dict.fromkeys(table.points["line"]))
    letters = count_title_letters(width, columns)
    for place, (plot, panel) in enumerate(zip(plots, panels, strict=True)):
        _draw_panel(plot, panel.points, lines, styles)
        plot.set_xticks(range(len(classes)), classes, rotation=90 * bool(_measure_names(classes)), parse_math=False)
        plot.set_title(wrap_title(panel.title, letters))
        if place % columns == 0 or panels[place - 1].y_title != panel.y_title:
            plot.set_ylabel(wrap_axis_label(panel.y_title, PANEL_HEIGHT))
        if place + columns >= len(panels):
            plot.set_xlabel(table.x_title)
        write_percent(plot)
    for variant in {panel.y_title for panel in panels}:
        alike = [plot for plot, panel in zip(plots, panels, strict=True) if panel.y_title == variant]
        ends = [plot.get_ylim() for plot in alike]
        for plot in alike:
            plot.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
    draw_legend(figure, [Patch(color=styles[line].colour, label=line) for line in lines], note)


def _draw_panel(plot: Plot, points: pd.DataFrame, lines: Sequence[str], styles: Mapping[str, Style]) -> None:
    """Draw the bars of a panel; those of a line stand at the same place of every class."""
    thick = TOGETHER / len(lines)
    for number, line in enumerate(lines):
        here = points[points["line"] == line]
        x = here["x"].to_numpy(float) + (number - (len(lines) - 1) / 2) * thick
        y, lo, hi = (here[name].to_numpy(float) for name in ("mean", "lo", "hi"))
        plot.bar(x, y, 0.9 * thick, color=styles[line].colour)
        plot.errorbar(x, y, np.nan_to_num((y - lo, hi - y)), fmt="none", ecolor="black", elinewidth=0.7)
    plot.grid(False, axis="x")
    plot.tick_params(axis="x", length=0, labelsize=7)


def _measure_names(classes: Sequence[str]) -> float:
    """Return the height of the names of classes, in inches, if they have to stand upright."""
    longest = max(map(len, classes))
    return LETTER * longest if longest > 2 else 0.0


def plot_bars(
    table: TidyTable, classes: Sequence[str], styles: Mapping[str, Style], width: float = WIDTH, note: str = ""
) -> Chart:
    """Plot accuracy by class as bars in some styles, with a note below."""
    draw = partial(draw_bars, table=table, classes=classes, styles=styles, note=note)
    return Chart(size_bars(table, classes, width), draw, note)
