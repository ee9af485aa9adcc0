"""The figure of overfitting: best, selected and last accuracy, and their gap."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.charts.chart import Chart, pick_sheet
from analysis.charts.rows import draw_upright, lay_out_rows, size_rows, split_pages, write_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import NEUTRAL
from analysis.charts.text import count_ticks, draw_legend, wrap_axis_label, write_percent
from analysis.measures.overfitting import Gaps
from analysis.results.page_cut import MAX_ROWS, cut_in_turn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def split_gap_pages(info: Gaps) -> list[Gaps]:
    """Split the rows into pages."""
    return [info.take(rows) for rows in split_pages(info.settings)]


def draw_gaps(figure: Figure, info: Gaps, note: str = "") -> None:
    """Draw accuracies on the left, the gap and its floor on the right, and a note below.

    The name of a row is above its marks.
    """
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    layout = lay_out_rows(info.names, info.settings, figure.get_figwidth())
    y = layout.marks
    left.hlines(y, info.last, info.peak, color="0.8", lw=2)
    left.scatter(info.peak, y, marker="D", facecolors="white", edgecolors=NEUTRAL, s=22, label="best on test", zorder=3)
    if np.isfinite(info.selected).any():
        left.scatter(info.selected, y, color=NEUTRAL, s=24, label="selected on validation", zorder=3)
    left.errorbar(info.last, y, xerr=info.last_se, fmt="s", ms=5, mfc="white", color=NEUTRAL, label="last")
    for falls, fill, label in ((False, "0.8", "best − last"), (True, NEUTRAL, "best − last, falls along the plateau")):
        here = info.falls == falls
        if here.any():
            look: dict[str, Any] = {"fmt": "o", "ms": 5, "mfc": fill, "color": NEUTRAL, "label": label}
            right.errorbar(info.gap[here], y[here], xerr=info.gap_se[here], **look)
    right.scatter(info.floor, y, marker="|", s=110, color="black", lw=1.8, label="floor: a curve that never falls")
    write_rows(left, layout)
    draw_upright(right, layout, 0.0)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    left.set_xlabel(wrap_axis_label(f"robust test accuracy, {info.attack} (%)", 0.5 * figure.get_figwidth()))
    right.set_xlabel(wrap_axis_label(f"best − last, {info.attack} (points)", 0.3 * figure.get_figwidth()))
    for plot, share in ((left, 0.55), (right, 0.35)):
        write_percent(plot, "x", most=min(6, count_ticks(share * figure.get_figwidth())))
    draw_legend(figure, [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]], note)


def plot_gaps(info: Gaps, width: float = WIDTH, sheet: int = 1) -> Chart:
    """Plot best and last accuracy of the configurations that a page has room for.

    Raises ValueError if there is no such sheet.
    """
    cut = cut_in_turn(info.settings, MAX_ROWS, np.argsort(-info.gap, kind="stable").tolist())
    note = cut.describe("configurations", "the widest best − last of each problem", "overfitting")
    pages = split_gap_pages(info.take(cut.rows))
    page = pick_sheet(pages, sheet)
    size = size_rows(page.names, page.settings, width)
    return Chart(size, partial(draw_gaps, info=page, note=note), note, len(pages))
