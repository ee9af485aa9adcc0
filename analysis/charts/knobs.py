"""The figure of a search along each hyperparameter: a cloud of points, as no curve has all else equal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.saving import WIDTH
from analysis.charts.styles import MARKERS, PALETTE, Register, Style
from analysis.charts.text import LOG_RATIO, count_title_letters, draw_legend, wrap_metric_title, write_percent
from analysis.measures.knobs import Knob, Knobs

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure


def list_groups(info: Knobs) -> list[str]:
    """Return the groups that colours and markers tell apart; none if there is only one, or too many."""
    found = list(dict.fromkeys(group for knob in info.knobs for group in knob.groups))
    return found if 1 < len(found) <= len(PALETTE) * len(MARKERS) else []


def size_knobs(info: Knobs, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, 0.5 + 1.7 * len(info.knobs)


def draw_knobs(figure: Figure, info: Knobs, register: Register) -> None:
    """Draw a point per configuration."""
    from matplotlib.lines import Line2D

    groups = list_groups(info)
    paint = register.assign_styles(groups)
    plots = figure.subplots(len(info.knobs), len(info.titles), squeeze=False, sharey="col", sharex="row")
    for row, knob in zip(plots, info.knobs, strict=True):
        for place, plot in enumerate(row):
            _draw_knob(plot, knob, place, paint)
    for plot, name in zip(plots[0], info.titles, strict=True):
        plot.set_title(
            wrap_metric_title(name, count_title_letters(figure.get_figwidth(), len(info.titles))), fontsize=9
        )
    if groups:
        looks = {name or "other": style for name, style in paint.items()}
        marks = [Line2D([], [], ls="", ms=3.5, label=n, color=s.colour, marker=s.marker) for n, s in looks.items()]
        draw_legend(figure, marks)


def _draw_knob(plot: Plot, knob: Knob, place: int, paint: dict[str, Style]) -> None:
    for group in dict.fromkeys(knob.groups):
        member, style = np.array([name == group for name in knob.groups]), paint.get(group, Style(PALETTE[0]))
        y, error = knob.means[member, place], np.nan_to_num(knob.errors[member, place])
        x, colour = knob.values[member], style.colour
        plot.errorbar(x, y, error, ms=3.5, lw=0, elinewidth=0.8, color=colour, marker=style.marker)
    if knob.values.min() > 0 and knob.values.max() > LOG_RATIO * knob.values.min():
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter("{x:g}")  # the house style does not parse powers as mathematics
    plot.set_xlabel(knob.name)
    write_percent(plot)


def plot_knobs(info: Knobs, register: Register | None = None, width: float = WIDTH) -> Chart:
    """Plot accuracy along each hyperparameter that was drawn from a range."""
    return Chart(size_knobs(info, width), partial(draw_knobs, info=info, register=register or Register()))
