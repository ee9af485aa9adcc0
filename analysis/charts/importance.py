"""The figure of the importance of knobs: a row per knob, a panel per objective, a bar per evaluator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart, pick_sheet
from analysis.charts.rows import lay_out_rows, size_rows, split_pages, write_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import NEUTRAL
from analysis.charts.text import count_title_letters, draw_legend, wrap_title, write_percent
from analysis.measures.importance import EVALUATORS, Importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAR_HEIGHT = 0.22  # of a row
BAR_SHIFT = 0.06  # of a row, down from its marks: a bar is thicker than the points of other figures
FILLS = ("0.65", "white")  # of the bars of each evaluator
TITLE_HEIGHT = 0.4  # inches


def split_importance_pages(info: Importance) -> list[Importance]:
    """Split the rows into pages."""
    rows = _list_rows(info)
    pages = []
    for part in split_pages([setting for setting, _ in rows]):
        kept = {rows[place] for place in part}
        member = [pair in kept for pair in zip(info.table["setting"], info.table["axis"], strict=True)]
        pages.append(info._replace(table=info.table[member]))
    return pages


def _list_rows(info: Importance) -> list[tuple[str, str]]:
    """Return the problem and the axis of each row, in the order of the table."""
    return [*dict.fromkeys(zip(info.table["setting"], info.table["axis"], strict=True))]


def size_importance(info: Importance, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    rows = _list_rows(info)
    names, settings = [info.names[axis] for _, axis in rows], [setting for setting, _ in rows]
    return width, TITLE_HEIGHT + size_rows(names, settings, width / len(info.titles))[1]


def draw_importance(figure: Figure, info: Importance) -> None:
    """Draw the bars of each knob below its name, with a standard error over seeds where there is one."""
    rows, width = _list_rows(info), figure.get_figwidth() / len(info.titles)
    names, settings = [info.names[axis] for _, axis in rows], [setting for setting, _ in rows]
    layout = lay_out_rows(names, settings, width)
    plots = figure.subplots(1, len(info.titles), squeeze=False, sharex=True)[0]
    for plot, (objective, title) in zip(plots, info.titles.items(), strict=True):
        shown = info.table[info.table["objective"] == objective].set_index(["setting", "axis"])
        for place, (evaluator, fill) in enumerate(zip(EVALUATORS, FILLS, strict=True)):
            found = shown[shown["evaluator"] == evaluator].loc[rows]
            heights = layout.marks + BAR_SHIFT + (place - 0.5) * BAR_HEIGHT
            means, errors = found["mean"].to_numpy(), (found["hi"] - found["mean"]).to_numpy()
            plot.barh(heights, means, BAR_HEIGHT, color=fill, edgecolor=NEUTRAL, lw=0.8, label=evaluator)
            if not np.isnan(errors).all():
                plot.errorbar(means, heights, xerr=errors, fmt="none", ecolor=NEUTRAL, elinewidth=1.4)
        letters = count_title_letters(figure.get_figwidth(), len(info.titles))
        plot.set_title(wrap_title(title.replace(", ", ",\n", 1), letters))
        plot.set_xlabel("share (%)")
        plot.grid(visible=False, axis="y")
        write_percent(plot, "x")
        write_rows(plot, layout if plot is plots[0] else layout._replace(names=[""] * len(rows), headings={}))
    plots[0].set_xlim(left=0.0)
    draw_legend(figure, plots[0].get_legend_handles_labels()[0])


def plot_importance(info: Importance, width: float = WIDTH, sheet: int = 1) -> Chart:
    """Plot the importance of knobs for each objective. Raises ValueError if there is no such sheet."""
    pages = split_importance_pages(info)
    page = pick_sheet(pages, sheet)
    return Chart(size_importance(page, width), partial(draw_importance, info=page), sheets=len(pages))
