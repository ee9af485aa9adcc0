"""The figure of lines with bands: a quantity of each configuration along epochs, κ or another number."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_panels, list_settings, size_panels, split_by_setting, title_panels
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Register
from analysis.charts.text import draw_legend, use_logarithm, write_percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Series(NamedTuple):
    """A tidy table with a line per configuration."""

    table: pd.DataFrame  # with setting, choice, `x`, mean, lo, hi
    x: str  # the column along a line
    x_title: str
    y_title: str
    panel: str = ""  # the column whose values have a panel each, beside a panel each setting
    percent: bool = False  # whether the values are fractions to be written in percent
    log: bool = False  # whether the vertical axis is logarithmic

    def split(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Return the rows of each panel, by setting and value of `panel`; panels of a setting are consecutive."""
        return split_by_setting(self.table, self.panel)


def size_series(info: Series, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    keys = list(info.split())
    wide, height = size_panels(title_panels(keys), list_settings(keys), width)
    return wide, height + 0.6


def draw_series(figure: Figure, info: Series, register: Register) -> None:
    """Draw a line per configuration with the band from `lo` to `hi` where both are known."""
    from matplotlib.lines import Line2D

    panels = info.split()
    paint = register.assign_styles(info.table["choice"])
    y_title = f"{info.y_title} (%)" if info.percent else info.y_title
    plots = create_panels(figure, title_panels(panels), list_settings(panels), info.x_title, y_title)
    for plot, rows in zip(plots, panels.values(), strict=True):
        for name, line in rows.groupby("choice", sort=False):
            style, line = paint[str(name)], line.sort_values(info.x)
            plot.plot(line[info.x], line["mean"], color=style.colour, ls=style.dash)
            if np.isfinite(line["lo"]).any():
                plot.fill_between(line[info.x], line["lo"], line["hi"], color=style.colour, alpha=0.2, lw=0)
        plot.locator_params(axis="x", nbins=4, integer=info.table[info.x].dtype.kind in "iu")
        if info.percent:
            write_percent(plot)
        if info.log:
            use_logarithm(plot)
    draw_legend(figure, [Line2D([], [], color=s.colour, ls=s.dash, label=name) for name, s in paint.items() if name])


def plot_series(info: Series, register: Register | None = None, width: float = WIDTH) -> Chart:
    """Plot a diagnostic with a line a configuration."""
    return Chart(size_series(info, width), partial(draw_series, info=info, register=register or Register()))
