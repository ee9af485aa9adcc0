"""The figure of lines: a row of panels for each tidy table, a line a configuration, bands of its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_plots, list_panels, place_panels
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Style
from analysis.charts.text import (
    count_title_letters,
    draw_legend,
    use_logarithm,
    wrap_axis_label,
    wrap_title,
    write_percent,
)
from analysis.measures.figure_table import TidyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

ROW_HEIGHT = 1.75  # inches
CROWDED = 4  # lines, from which on bands are fainter
CLIMB = 0.1  # share of the epochs that do not count for the range of the vertical axis
MARGIN = 0.05
UNIT = "\u00a0(%)"  # never alone on a line
LOG_MARGIN = 1.1  # a factor
MOST_TICKS, TICKS_PER_INCH = 4, 2  # along x: numbers of four digits do not touch
FEW = 25  # points, up to which a line along a knob has markers and bars
VARIANT_DASHES = ("-", (0, (4, 1.5)), "-.", ":")  # of the main variant of a table, then of those beside it
VARIANT_FILLS = ("full", "none", "bottom", "left")  # of their marks: a line of one point has no dashes


def size_lines(tables: Sequence[TidyTable], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    panels = list_panels(tables)
    places = place_panels([tables[place].y_title for place, _ in panels], width)
    columns = 1 + max(column for _, column in places)
    letters = count_title_letters(width, columns)
    lines = {row: 0 for row, _ in places}
    for (row, _), (_, title) in zip(places, panels, strict=True):
        lines[row] = max(lines[row], wrap_title(title, letters).count("\n") + bool(title))
    return width, 0.3 + sum(ROW_HEIGHT + 0.15 * count for count in lines.values())


def draw_lines(figure: Figure, tables: Sequence[TidyTable], styles: Mapping[str, Style], note: str = "") -> None:
    """Draw a panel for each table and panel title; lines differ in colour, variants in dashes."""
    panels, width = list_panels(tables), figure.get_figwidth()
    places = place_panels([tables[place].y_title for place, _ in panels], width)
    columns = 1 + max(column for _, column in places)
    used = dict(zip(places, create_plots(figure, places), strict=True))
    letters = count_title_letters(width, columns)
    for (row, column), (number, panel) in zip(places, panels, strict=True):
        table, plot = tables[number], used[row, column]
        _draw_panel(plot, table, table.points[table.points["panel"] == panel], styles)
        ticks = min(MOST_TICKS, int(TICKS_PER_INCH * width / columns))
        plot.locator_params(axis="x", nbins=ticks, integer=bool((table.points["x"] % 1 == 0).all()))
        plot.set_title(wrap_title(panel, letters))
        if column == 0 or tables[number].y_title != tables[panels[places.index((row, column - 1))][0]].y_title:
            plot.set_ylabel(wrap_axis_label(f"{table.y_title}{UNIT * table.percent}", ROW_HEIGHT - 0.05))
        if (row + 1, column) not in used or len({table.x_title for table in tables}) > 1:
            plot.set_xlabel(wrap_axis_label(table.x_title, (width - 0.5) / columns - 0.3))
    for number, table in enumerate(tables):
        for place, (other, _) in zip(places, panels, strict=True):
            if other == number:
                used[place].set_ylim(find_range(table))
                if table.log:
                    use_logarithm(used[place])
    draw_legend(figure, make_handles(tables, styles), note)


def _draw_panel(plot: Plot, table: TidyTable, points: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    variants = list_variants([table])
    crowded = points["line"].nunique() >= CROWDED
    for (line, variant), group in points.sort_values("x", kind="stable").groupby(["line", "variant"], sort=False):
        x, y, lo, hi = (group[name].to_numpy(float) for name in ("x", "mean", "lo", "hi"))
        style, main = styles[str(line)], variant in variants[:1] or not variants
        place = place_of(str(variant), variants) if len(variants) > 1 else 0
        dash = style.dash if len(variants) < 2 else VARIANT_DASHES[place]
        along = table.x_title != "epoch" and len(x) <= FEW
        plot.plot(
            x, y, color=style.colour, ls=dash, lw=1.4 if main else 1.0, ms=4,
            **(fill_marks(style.marker, style.colour, place) if along else {}),
        )  # fmt: skip
        if along:  # bars below the marks, whose insides tell variants apart
            plot.errorbar(x, y, (y - lo, hi - y), color=style.colour, fmt="none", lw=0.9, zorder=1.9)
        elif np.isfinite(lo).any():
            plot.fill_between(x, lo, hi, color=style.colour, alpha=0.08 if crowded or not main else 0.2, lw=0)
    if table.percent:
        write_percent(plot)


def list_variants(tables: Sequence[TidyTable]) -> list[str]:
    """Return the variants of some tables that have a name, in order; the test curve is the main one."""
    found = dict.fromkeys(str(variant) for table in tables for variant in table.points["variant"] if variant)
    return sorted(found, key=lambda variant: variant != "test")


def place_of(variant: str, variants: Sequence[str]) -> int:
    """Return the place, in VARIANT_DASHES and VARIANT_FILLS, of a variant among those of its table."""
    return variants.index(variant) % len(VARIANT_DASHES)


def fill_marks(marker: str, colour: str, place: int) -> dict[str, Any]:
    """Return the look of the marks of the variant in some place: filled, hollow or filled by half."""
    hollow = VARIANT_FILLS[place] == "none"
    fill = "full" if hollow else VARIANT_FILLS[place]
    return {"marker": marker, "fillstyle": fill, "mfc": "white" if hollow else colour, "mfcalt": "white"}


def make_handles(tables: Sequence[TidyTable], styles: Mapping[str, Style]) -> list[object]:
    """Return the entries of the legend: the lines, then the variants in grey."""
    from matplotlib.lines import Line2D

    along = any(table.x_title != "epoch" for table in tables)
    single: dict[str, bool] = {}  # line -> whether it has no variants, in whose place it has dashes
    every = {str(line) for table in tables for line in table.points["line"]}
    for table in tables:
        names, alone = dict.fromkeys(map(str, table.points["line"])), len(list_variants([table])) < 2
        if len(names) > 1 or len(names) == len(every):  # one line beside others is named by its axis and variants
            single |= dict.fromkeys(names, alone)
    named: list[object] = [
        Line2D(
            [], [], color=styles[line].colour, ls=styles[line].dash if alone else "-",
            marker=styles[line].marker if along else "", ms=4, label=line,
        )
        for line, alone in single.items()
    ]  # fmt: skip
    variants = [
        Line2D(
            [], [], color="0.4", ls=VARIANT_DASHES[place], ms=4, label=label,
            **(fill_marks("o", "0.4", place) if along else {}),
        )
        for place, label in _name_variants(tables).items()
    ]  # fmt: skip
    return [*named, *variants]


def _name_variants(tables: Sequence[TidyTable]) -> dict[int, str]:
    """Return the variants that have each place; it may be one in each table, such as test and mean."""
    found: dict[int, list[str]] = {}
    for table in tables:
        variants = list_variants([table])
        for variant in variants if len(variants) > 1 else ():
            names = found.setdefault(place_of(variant, variants), [])
            names += [variant] * (variant not in names)
    return {place: ", ".join(names) for place, names in found.items()}


def find_range(table: TidyTable) -> tuple[float, float]:
    """Return the vertical range of all panels of a table; that of curves leaves out the climb of the first epochs."""
    points = table.points
    if table.log:
        positive = points[["mean", "lo", "hi"]].where(lambda ends: ends > 0).to_numpy(float)
        return float(np.nanmin(positive)) / LOG_MARGIN, float(np.nanmax(positive)) * LOG_MARGIN
    if table.x_title == "epoch":
        points = points[points["x"] >= CLIMB * points["x"].max()]
    ends = points[["mean", "lo", "hi"]].to_numpy(float)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    margin = MARGIN * max(high - low, 0.01)
    return low - margin, high + margin


def plot_lines(tables: Sequence[TidyTable], styles: Mapping[str, Style], width: float = WIDTH, note: str = "") -> Chart:
    """Plot tidy tables as lines in some styles, with a note below."""
    draw = partial(draw_lines, tables=tables, styles=styles, note=note)
    return Chart(size_lines(tables, width), draw, note)
