"""The figure of the difference of two sweeps' fronts: where the seeds of one attain more often what the others do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.saving import WIDTH
from analysis.charts.styles import PALETTE
from analysis.charts.text import NOTE_SIZE, count_title_letters, wrap_axis_label, wrap_title, write_percent
from analysis.measures.front import FrontPanel
from analysis.measures.front_difference import FrontDifference
from analysis.results.axes import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_HEIGHT = 2.6  # inches
NARROW = 4.5  # inches, below which ticks are fewer
BEYOND = 0.06  # of the range of the accuracies, which the axes extend beyond them

Panels = Sequence[tuple[FrontPanel, FrontDifference]]


def size_front_difference(panels: Panels, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches; panels are stacked vertically."""
    return width, 0.3 + PANEL_HEIGHT * len(panels)


def draw_front_difference(figure: Figure, panels: Panels) -> None:
    """Draw a panel for each pair: the colour says whose seeds attain a point more often, its depth how much more."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import FixedLocator, FuncFormatter

    paint = LinearSegmentedColormap.from_list("difference", [PALETTE[1], "white", PALETTE[0]])
    several = len({(info.one, info.other) for _, info in panels}) > 1
    plots, width = figure.subplots(len(panels), squeeze=False)[:, 0], figure.get_figwidth()
    for plot, (panel, info) in zip(plots, panels, strict=True):
        corners = [(values.min() - BEYOND * (np.ptp(values) or 0.01), values) for values in (info.x, info.y)]
        edges = [np.concatenate([[low], values]) for low, values in corners]
        mesh = plot.pcolormesh(*edges, info.difference, cmap=paint, vmin=-1, vmax=1, rasterized=True)
        ends = [values[-1] + (values[-1] - low) * BEYOND for low, values in corners]
        plot.set(xlim=(corners[0][0], ends[0]), ylim=(corners[1][0], ends[1]))
        bar = figure.colorbar(mesh, ax=plot, aspect=12, pad=0.02)
        bar.set_label(wrap_axis_label(f"seeds of {info.one} less {info.other} (%)", PANEL_HEIGHT - 0.7), fontsize=8)
        bar.ax.yaxis.set_major_locator(FixedLocator([-1, -0.5, 0, 0.5, 1]))
        bar.ax.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{100 * value:+.0f}".replace("-", "−").replace("+0", "0"))
        )
        bar.ax.tick_params(labelsize=NOTE_SIZE)
        plot.set_xlabel(wrap_axis_label(f"{panel.x_title} (%)", width - 1.4))
        plot.set_ylabel(wrap_axis_label(f"{panel.y_title} (%)", PANEL_HEIGHT - 0.7))
        write_percent(plot, "x")
        plot.locator_params(axis="x", nbins=4 if width < NARROW else 6)
        write_percent(plot, "y")
        names = f"{info.one} against {info.other}" * (several or not info.title)
        plot.set_title(wrap_title(SEPARATOR.join(filter(None, (info.title, names))), count_title_letters(width, 1)))


def plot_front_difference(panels: Panels, width: float = WIDTH) -> Chart:
    """Plot where the seeds of one front attain more than those of another, with a panel a pair of fronts."""
    return Chart(size_front_difference(panels, width), partial(draw_front_difference, panels=panels))
