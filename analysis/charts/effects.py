"""The figure of the effects of subsets, paired by seed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart, pick_sheet
from analysis.charts.rows import draw_upright, lay_out_rows, size_rows, split_pages, write_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import NEUTRAL
from analysis.charts.text import draw_legend, wrap_axis_label, write_percent
from analysis.measures.differences import Effects
from analysis.results.page_cut import MAX_ROWS, cut_in_turn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def split_effect_pages(info: Effects) -> list[Effects]:
    """Split the rows into pages."""
    return [info.take(rows) for rows in split_pages(info.settings)]


def draw_effects(figure: Figure, info: Effects, note: str = "") -> None:
    """Draw a row per comparison, with a note below; to the right of zero the first named is better."""
    plot = figure.subplots()
    layout = lay_out_rows(info.names, info.settings, figure.get_figwidth())
    draw_upright(plot, layout, 0.0)
    for found, label, marker, fill, shift in (
        (info.last, "last epoch", "s", "white", 0.0),
        (info.selected, "validation-selected epoch", "o", NEUTRAL, 0.2),
    ):
        if np.isnan(found[:, 0]).all():
            continue
        y = layout.marks + shift
        plot.errorbar(found[:, 0], y, xerr=found[:, 1], fmt=marker, ms=4, mfc=fill, color=NEUTRAL, label=label)
    plot.set_xlabel(wrap_axis_label(f"difference in {info.y_title} (points)", figure.get_figwidth()))
    write_percent(plot, "x")
    write_rows(plot, layout)
    draw_legend(figure, plot.get_legend_handles_labels()[0], note)


def plot_effects(info: Effects, width: float = WIDTH, sheet: int = 1) -> Chart:
    """Plot the comparisons that a page has room for. Raises ValueError if there is no such sheet."""
    cut = cut_in_turn(info.settings, MAX_ROWS)
    note = cut.describe("comparisons", "the first of each problem in the plan", "subset_effects")
    pages = split_effect_pages(info.take(cut.rows))
    page = pick_sheet(pages, sheet)
    size = size_rows(page.names, page.settings, width)
    return Chart(size, partial(draw_effects, info=page, note=note), note, len(pages))
