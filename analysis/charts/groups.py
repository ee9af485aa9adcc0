"""The figure of difficulty groups along training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.charts.saving import WIDTH
from analysis.charts.styles import DASHES, order_colours
from analysis.charts.text import count_title_letters, draw_legend, wrap_axis_label, wrap_title, write_percent
from analysis.measures.group_means import GROUPS, QUANTITIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_COLUMNS = 2  # side by side
FRACTIONS = ("correct", "clean_correct", "t_correct", "t_class")  # quantities that are accuracies, in percent
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
    for place, group in enumerate(shown):
        rows = table[table["group"] == group].sort_values("epoch")
        colour = _colour(group)
        plot.plot(rows["epoch"], rows["mean"], color=colour, ls=DASHES[place % len(DASHES)])
        if np.isfinite(rows["lo"]).any():
            plot.fill_between(rows["epoch"], rows["lo"], rows["hi"], color=colour, alpha=0.2, lw=0)


def _make_handles(shown: Sequence[int]) -> list[object]:
    from matplotlib.lines import Line2D

    ends = {0: "G0 (hardest)", GROUPS - 1: f"G{GROUPS - 1} (easiest)"}
    return [
        Line2D([], [], color=_colour(group), ls=DASHES[place % len(DASHES)], label=ends.get(group, f"G{group}"))
        for place, group in enumerate(shown)
    ]


def _colour(group: int) -> str:
    return order_colours(GROUPS)[group]
