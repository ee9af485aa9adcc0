"""The figure of difficulty groups along training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart, pick_sheet
from analysis.charts.saving import WIDTH
from analysis.charts.styles import DASHES, MARKERS, Style, order_colours
from analysis.charts.text import count_title_letters, draw_legend, wrap_axis_label, wrap_title, write_percent
from analysis.measures.group_means import BY_DIFFICULTY, FRACTIONS, GROUPS, QUANTITIES, name_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_COLUMNS = 2  # side by side
ROW_HEIGHT = 1.6  # inches


def list_quantities(info: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the quantities that some table of groups has, in the order of rows."""
    found = {name for table in info.values() for name in table["quantity"]}
    return [name for name in QUANTITIES if name in found]


def size_groups(info: Mapping[str, pd.DataFrame], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches, with a row per quantity."""
    return width, 0.6 + ROW_HEIGHT * len(list_quantities(info))


def draw_groups(figure: Figure, info: Mapping[str, pd.DataFrame], shown: Sequence[int] = SHOWN_GROUPS) -> None:
    """Draw a row per quantity and a column per table of groups, with the bands of the tables.

    The hardest group is darkest. `info` maps the title of a column to a table of `measure_groups` of one configuration,
    or of `measure_profile_groups`; `shown` are the groups to draw.
    """
    names = list_quantities(info)
    plots = figure.subplots(len(names), len(info), squeeze=False, sharex="col", sharey="row")
    for column, (title, table) in enumerate(info.items()):
        plots[0, column].set_title(wrap_title(title, count_title_letters(figure.get_figwidth(), len(info))))
        for row, name in enumerate(names):
            _draw_lines(plots[row, column], table[table["quantity"] == name], shown)
    for row, name in enumerate(names):
        title = f"{QUANTITIES[name]} (%)" if name in FRACTIONS else QUANTITIES[name]
        plots[row, 0].set_ylabel(wrap_axis_label(title, ROW_HEIGHT - 0.2))
        if name in FRACTIONS:
            write_percent(plots[row, 0])
    for plot in plots[-1]:
        plot.set_xlabel("epoch")
        plot.locator_params(axis="x", nbins=5, integer=True)
    draw_legend(figure, _make_handles(shown))


def _draw_lines(plot: Plot, table: pd.DataFrame, shown: Sequence[int]) -> None:
    for name, style in style_groups(shown).items():
        rows = table[table["group"].map(name_group) == name].sort_values("epoch")
        plot.plot(rows["epoch"], rows["mean"], color=style.colour, ls=style.dash)
        if np.isfinite(rows["lo"]).any():
            plot.fill_between(rows["epoch"], rows["lo"], rows["hi"], color=style.colour, alpha=0.2, lw=0)


def _make_handles(shown: Sequence[int]) -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=style.colour, ls=style.dash, label=name) for name, style in style_groups(shown).items()
    ]


def style_groups(shown: Sequence[int], ends: tuple[str, str] = BY_DIFFICULTY) -> dict[str, Style]:
    """Return the style of each group by its name: from dark for the hardest to light, with dashes in turn."""
    colours = order_colours(GROUPS)
    return {
        name_group(group, ends): Style(colours[group], MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])
        for place, group in enumerate(shown)
    }


def plot_groups(
    info: Mapping[str, pd.DataFrame], width: float = WIDTH, sheet: int = 1, shown: Sequence[int] = SHOWN_GROUPS
) -> Chart:
    """Plot tables of groups by their titles, some side by side on a sheet; tables without rows are left out.

    Raises ValueError if there is no such sheet.
    """
    known = {title: table for title, table in info.items() if len(table)}
    pages = [dict([*known.items()][start : start + SHOWN_COLUMNS]) for start in range(0, len(known), SHOWN_COLUMNS)]
    page = pick_sheet(pages, sheet)
    return Chart(size_groups(page, width), partial(draw_groups, info=page, shown=shown), sheets=len(pages))
