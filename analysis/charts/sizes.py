"""The figure of accuracy against the size of a subset."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.panels import align_ranges, create_panels, list_settings, size_panels, title_panels
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Register, Style
from analysis.charts.text import draw_legend, write_percent
from analysis.measures.subsets import SizeLine, Sizes
from analysis.results.axes import ALL
from analysis.results.page_cut import MAX_PANELS, cut_in_turn

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure


def find_size_limits(info: Sizes) -> list[tuple[float, float]]:
    """Return the limits of each panel, which enclose the values with their errors."""
    found = []
    for lines in info.panels.values():
        ends = [
            pair[:, 0] + sign * np.nan_to_num(pair[:, 1]) for line in lines for pair in line[2:] for sign in (-1, 1)
        ]
        low, high = float(np.nanmin(np.concatenate(ends))), float(np.nanmax(np.concatenate(ends)))
        margin = 0.1 * max(high - low, 0.01)
        found.append((low - margin, high + margin))
    return found


def draw_sizes(figure: Figure, info: Sizes, register: Register, note: str = "") -> None:
    """Draw filled marks for the selected epoch, open marks for the last, and a horizontal line for training on all.

    The note stands below them.
    """
    paint = register.assign_styles(line.kind for lines in info.panels.values() for line in lines)
    plots = create_panels(
        figure, title_panels(info.panels), list_settings(info.panels), "examples trained on", f"{info.y_title} (%)"
    )
    for plot in plots:  # panels share an axis: each line would recompute the limits of all panels
        plot.autoscale(False)
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        for line in lines:
            _draw_size_line(plot, line, paint[line.kind])
        plot.locator_params(axis="x", nbins=4, integer=True)
        plot.margins(x=0.1)
        write_percent(plot)
    plots[0].autoscale(True, axis="x")
    align_ranges(plots, find_size_limits(info))
    selects = any(np.isfinite(line.selected[:, 0]).any() for lines in info.panels.values() for line in lines)
    draw_legend(figure, _make_size_handles(paint, selects), note)


def _draw_size_line(plot: Plot, line: SizeLine, style: Style) -> None:
    for found, fill, dash in ((line.last, "white", ":"), (line.selected, style.colour, "-")):
        if line.kind == ALL:
            plot.axhline(found[:, 0].mean(), color=style.colour, ls=dash, lw=0.8)
        plot.errorbar(
            line.k, found[:, 0], yerr=found[:, 1], color=style.colour, marker=style.marker, mfc=fill, ls=dash, ms=4.5,
            elinewidth=0.9, capsize=2,
        )  # fmt: skip


def _make_size_handles(paint: dict[str, Style], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    kinds = [Line2D([], [], color=style.colour, marker=style.marker, label=kind) for kind, style in paint.items()]
    chosen = [Line2D([], [], color="0.5", marker="o", label="selected epoch")] * selects
    return [*kinds, *chosen, Line2D([], [], color="0.5", marker="o", mfc="white", ls=":", label="last epoch")]


def plot_sizes(info: Sizes, register: Register | None = None, width: float = WIDTH) -> Chart:
    """Plot accuracy against the size of subsets, in the panels that a page has room for."""
    shown, note = cut_sizes(info)
    size = size_panels(title_panels(shown.panels), list_settings(shown.panels), width)
    return Chart(size, partial(draw_sizes, info=shown, register=register or Register(), note=note), note)


def cut_sizes(info: Sizes) -> tuple[Sizes, str]:
    """Return the panels that a page has room for, and which these are, in words."""
    cut = cut_in_turn(list_settings(info.panels), MAX_PANELS)
    return info.take(cut.rows), cut.describe("panels", "the first of each problem in the plan", "trials")
