"""Panels of a figure: their places, their sizes, and ranges that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from analysis.charts.text import count_title_letters, wrap_axis_label, wrap_title
from analysis.measures.figure_table import TidyTable
from analysis.measures.tidy import group_by_setting
from analysis.results.axes import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MIN_PANEL = 1.6  # inches; a narrower panel is not readable
MAX_SHARED_SPAN = 3.0  # times the widest panel's range: up to this span all panels share one range


def place_panels(problems: Sequence[str], width: float) -> list[tuple[int, int]]:
    """Return the row and column of each panel. A problem begins a new row, unless every problem has only one panel."""
    many = max(problems.count(problem) for problem in problems) > 1
    groups = list(dict.fromkeys(problems)) if many else [None]
    counts = [problems.count(group) if group is not None else len(problems) for group in groups]
    most = max(1, int(width / MIN_PANEL))
    columns = -(-max(counts) // -(-max(counts) // most))  # the fewest rows, filled evenly
    places, row = [], 0
    for count in counts:
        places += [(row + place // columns, place % columns) for place in range(count)]
        row += -(-count // columns)
    return places


def arrange_panels(count: int, width: float, least: float = 1.25 * MIN_PANEL) -> tuple[int, int]:
    """Return the numbers of rows and columns of panels, filled row by row and each at least so many inches wide."""
    columns = min(count, max(1, int(width / least)))
    return -(-count // columns), columns


def fill_rows(count: int, columns: int) -> list[tuple[int, int]]:
    """Return the row and column of each panel if they are filled row by row."""
    return [divmod(place, columns) for place in range(count)]


def create_plots(figure: Figure, places: Sequence[tuple[int, int]], sharex: bool = False) -> list[Plot]:
    """Create a plot at each place, a row and a column, and none elsewhere."""
    rows, columns = (1 + max(indices) for indices in zip(*places, strict=True))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex)
    plots: list[Plot] = [grid[place] for place in places]
    for plot in set(grid.ravel().tolist()) - set(plots):
        plot.remove()
    return plots


def split_by_setting(table: pd.DataFrame, column: str = "") -> dict[tuple[str, str], pd.DataFrame]:
    """Return the rows of each panel, by setting and value of a column; panels of a setting are consecutive."""
    keys = [table["setting"], table[column] if column else pd.Series("", table.index)]
    found = {(str(setting), str(name)): rows for (setting, name), rows in table.groupby(keys, sort=False)}
    items = list(found.items())
    return dict(items[place] for place in group_by_setting([setting for setting, _ in found]))


def list_panels(tables: Sequence[TidyTable]) -> list[tuple[int, str]]:
    """Return the panels of a figure: the place of the table, and the title of the panel."""
    return [(place, str(p)) for place, table in enumerate(tables) for p in dict.fromkeys(table.points["panel"])]


def create_panels(
    figure: Figure, titles: Sequence[str], problems: Sequence[str], xlabel: str, ylabel: str
) -> list[Plot]:
    """Create one panel per title; each problem begins a row and the lowest panel of each column has the x label.

    `problems` names the problem of each panel; panels of one problem are consecutive.
    """
    width = figure.get_figwidth()
    places = place_panels(problems, width)
    plots = create_plots(figure, places, sharex=True)
    columns = 1 + max(column for _, column in places)
    for column in range(columns):
        lowest = plots[places.index(max(place for place in places if place[1] == column))]
        lowest.set_xlabel(wrap_axis_label(xlabel, (width - 0.5) / columns - 0.15))
        lowest.tick_params(labelbottom=True)
    for plot, title in zip(plots, titles, strict=True):
        plot.set_title(wrap_title(title, count_title_letters(width, columns)))
    figure.supylabel(wrap_axis_label(ylabel, figure.get_figheight()), fontsize=9)
    return plots


def title_panels(keys: Iterable[tuple[str, str]]) -> list[str]:
    """Return the titles of panels with these (setting, method) keys: the method, and below it the setting.

    A method that the setting names already, as a sweep without lines is named by itself, is not said twice.
    """
    return [
        "\n".join(filter(None, ("" if method in setting.split(SEPARATOR) else method, setting)))
        for setting, method in keys
    ]


def list_settings(keys: Iterable[tuple[str, str]]) -> list[str]:
    """Return the setting of each panel, from its (setting, method) key."""
    return [setting for setting, _ in keys]


def can_share_range(limits: Sequence[tuple[float, float]]) -> bool:
    """Return whether ranges are so close that curves stay legible in one range that covers all of them."""
    widest = max(high - low for low, high in limits)
    return max(high for _, high in limits) - min(low for low, _ in limits) <= MAX_SHARED_SPAN * widest


def align_ranges(plots: Sequence[Plot], limits: Sequence[tuple[float, float]]) -> None:
    """Give all panels one range, or ranges of one span, so that equal slopes look equal; `limits` has one per panel.

    One range is labelled in the first column alone.
    """
    ranges = equalize_ranges(limits)
    for plot, limit in zip(plots, ranges, strict=True):
        plot.set(ylim=limit)
        place = plot.get_subplotspec()
        if place is not None and len(set(ranges)) == 1:
            plot.tick_params(labelleft=place.is_first_col())


def equalize_ranges(limits: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return one common range per panel if the ranges are close, else ranges of equal span."""
    whole = min(low for low, _ in limits), max(high for _, high in limits)
    ranges = [whole] * len(limits) if can_share_range(limits) else list(limits)
    span = max(high - low for low, high in ranges)
    tops = [min((low + high + span) / 2, 1.01) for low, high in ranges]  # no accuracy lies above 1
    return [(top - span, top) for top in tops]


def describe_axis_start(limits: Sequence[tuple[float, float]]) -> str:
    """Return a sentence about vertical axes that do not begin at 0 %; empty if all do."""
    lows = [low for low, _ in equalize_ranges(limits)]
    if max(lows) <= 0:
        return ""
    least, most = (f"{100 * max(low, 0):.0f}" for low in (min(lows), max(lows)))
    where = least if least == most else f"{least} to {most}"
    return f" Vertical axes begin at {where} %, not at 0; lower values are cut off."


def size_panels(titles: Sequence[str], problems: Sequence[str], width: float) -> tuple[float, float]:
    """Return the size of a figure of panels; a title of more than two lines makes its row higher."""
    places = place_panels(problems, width)
    columns = 1 + max(column for _, column in places)
    lines: dict[int, int] = {}
    for (row, _), title in zip(places, titles, strict=True):
        lines[row] = max(lines.get(row, 2), wrap_title(title, count_title_letters(width, columns)).count("\n") + 1)
    return width, 0.7 + sum(1.45 + 0.15 * row for row in lines.values())
