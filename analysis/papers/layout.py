"""How each chart lays out a paper's figure: its size, the function that draws it, and how many lines it tells apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from analysis.charts.adversaries import plot_adversaries
from analysis.charts.bars import MOST_BARS, plot_bars
from analysis.charts.chart import Chart
from analysis.charts.classes import draw_classes, size_classes
from analysis.charts.components import Components, plot_components
from analysis.charts.density import Density, plot_density, show_ranks, show_scatter
from analysis.charts.groups import style_groups
from analysis.charts.lines import list_variants, plot_lines
from analysis.charts.matrix import plot_matrix
from analysis.charts.points import plot_points, show_points
from analysis.charts.styles import NEUTRAL, PALETTE, Style, build_register, order_styles
from analysis.charts.table import plot_table
from analysis.charts.trade_off import plot_trade_off
from analysis.measures.class_accuracy import arrange_classes, name_classes
from analysis.measures.figure_table import TidyTable
from analysis.measures.group_means import BY_DIFFICULTY, BY_RANK, GROUPS, name_group
from analysis.measures.recorded_figures import find_pairs
from analysis.papers.part import (
    ADVERSARIES,
    CLASSES,
    COMPONENTS,
    GROUP_CURVES,
    LINES,
    MATRIX,
    POINTS,
    RANKS,
    SCATTER,
    TABLE,
    TRADE_OFF,
)  # fmt: skip
from analysis.papers.recorded_parts import GalleryPairs
from analysis.papers.row import PaperFigure
from analysis.results.selection import Selection

Measure = Callable[[], Sequence[TidyTable]]  # measures the parts of a figure, once
MAX_ORDERED = 10  # lines in an order, which a scale tells apart
MAX_ROWS = 40  # of a table
MAX_OWN_PANELS = 12  # of a chart whose lines have a panel each


class Picture(NamedTuple):
    """What a chart gets to draw."""

    row: PaperFigure
    selection: Selection
    tables: list[TidyTable]
    note: str  # below the figure
    width: float  # inches


class ChartKind(NamedTuple):
    """A kind of chart: its layout, and the most lines that it tells apart."""

    lay_out: Callable[[Picture], Chart]
    count_fitting: Callable[[PaperFigure, Selection, Measure], int]  # it measures only if the number depends on that


def _count_rows(row: PaperFigure, selection: Selection, measure: Measure) -> int:
    return MAX_ROWS


def _count_styles(row: PaperFigure, selection: Selection, measure: Measure) -> int:
    """Return how many lines can be told apart: by a scale, by colours, or by colours and dashes."""
    if row.ordered or selection.numeric:
        return MAX_ORDERED
    return len(PALETTE) if len(list_variants(measure())) > 1 else 2 * len(PALETTE)


def assign_styles(row: PaperFigure, selection: Selection, tables: Sequence[TidyTable]) -> dict[str, Style]:
    """Return the style of each line: a scale for those in an order, else that which a page gives their names."""
    if row.ordered or selection.numeric:
        return order_styles(selection.lines)
    register = build_register([selection.trials])
    styles = register.assign_styles(selection.lines)
    if len(list_variants(tables)) < 2:
        return styles
    return {
        line: Style(colour, styles[line].marker) for line, colour in register.assign_colours(selection.lines).items()
    }


def _lay_out_table(picture: Picture) -> Chart:
    return plot_table(picture.tables, picture.width, picture.note)


def _lay_out_classes(picture: Picture) -> Chart:
    """Lay out bars of a few lines, or a heat map of many."""
    if len(picture.selection.lines) <= MOST_BARS:
        table, names = picture.tables[0], name_classes(picture.selection, picture.tables[0])
        styles = assign_styles(picture.row, picture.selection, [])
        return plot_bars(table, names, styles, picture.width, picture.note)
    classes = arrange_classes(picture.selection, picture.tables[0])
    largest = f" The largest standard error of a cell is {classes.error:.1f} points." if classes.error >= 0 else ""
    draw = partial(draw_classes, info=classes, note=picture.note + largest)  # one table, however long
    return Chart(size_classes(classes, picture.width), draw)


def _lay_out_lines(picture: Picture) -> Chart:
    styles = assign_styles(picture.row, picture.selection, picture.tables)
    return plot_lines(picture.tables, styles, picture.width, picture.note)


def _lay_out_trade_off(picture: Picture) -> Chart:
    styles = assign_styles(picture.row, picture.selection, picture.tables)
    return plot_trade_off(picture.tables, styles, picture.width, picture.note)


def _count_all(row: PaperFigure, selection: Selection, measure: Measure) -> int:
    """Return that all lines fit: a figure of examples shows the first training, whatever others there are."""
    return len(selection.lines)


def _lay_out_components(picture: Picture) -> Chart:
    points = picture.tables[0].points
    return plot_components(Components(points.assign(y=points["mean"]), note=picture.note), picture.width)


def _lay_out_adversaries(picture: Picture) -> Chart:
    (part,) = picture.row.parts
    if not isinstance(part, GalleryPairs):
        raise TypeError(f"{picture.row.name}: only a gallery has images")
    info = find_pairs(picture.selection.sweeps, part.score).take_ends(part.ends)
    return plot_adversaries(info, picture.width, picture.note)


def _count_panels(row: PaperFigure, selection: Selection, measure: Measure) -> int:
    """Return how many lines of a selection have room where each has a panel of its own."""
    return max(1, MAX_OWN_PANELS // len(selection.panels))


def _lay_out_density(picture: Picture, show: Callable[[TidyTable], Density]) -> Chart:
    return plot_density(show(picture.tables[0]), picture.width, picture.note)


def _lay_out_matrix(picture: Picture) -> Chart:
    return plot_matrix(picture.tables[0], "intersection over union", picture.width, picture.note)


def _lay_out_groups(picture: Picture) -> Chart:
    """Lay out groups as lines, with the curves of other parts below them in grey."""
    names = {str(line) for table in picture.tables for line in table.points["line"]}
    ends = BY_RANK if name_group(0, BY_RANK) in names else BY_DIFFICULTY
    groups = style_groups([group for group in range(GROUPS) if name_group(group, ends) in names], ends)
    styles = {name: Style(NEUTRAL) for name in sorted(names)} | groups
    return plot_lines(picture.tables, styles, picture.width, picture.note)


def _lay_out_points(picture: Picture) -> Chart:
    register = build_register([picture.selection.trials])
    return plot_points(show_points(picture.tables[0]), register, picture.width, picture.note)


CHARTS = {
    COMPONENTS: ChartKind(_lay_out_components, _count_all),
    ADVERSARIES: ChartKind(_lay_out_adversaries, _count_all),
    LINES: ChartKind(_lay_out_lines, _count_styles),
    TRADE_OFF: ChartKind(_lay_out_trade_off, _count_styles),
    CLASSES: ChartKind(_lay_out_classes, _count_rows),
    RANKS: ChartKind(partial(_lay_out_density, show=show_ranks), _count_panels),
    MATRIX: ChartKind(_lay_out_matrix, _count_panels),
    GROUP_CURVES: ChartKind(_lay_out_groups, _count_panels),
    POINTS: ChartKind(_lay_out_points, _count_rows),
    SCATTER: ChartKind(partial(_lay_out_density, show=show_scatter), _count_panels),
    TABLE: ChartKind(_lay_out_table, _count_rows),
}
