"""A paper's figure drawn from runs: its selection, its tidy tables, its chart and its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from analysis.charts.classes import draw_classes, size_classes
from analysis.charts.lines import draw_lines, list_variants, size_lines
from analysis.charts.saving import WIDTH, Draw, FigureSpec
from analysis.charts.styles import PALETTE, Style, build_register, order_styles
from analysis.charts.table import draw_table, size_table
from analysis.charts.text import draw_legend
from analysis.charts.trade_off import draw_trade_off, size_trade_off
from analysis.exceptions import SweepError
from analysis.measures.class_accuracy import arrange_classes
from analysis.measures.classes import Classes
from analysis.measures.figure_table import TidyTable
from analysis.measures.stats import format_seed_counts
from analysis.papers.parts import CLASSES, TABLE, TRADE_OFF
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.selection import Selection, select
from analysis.results.sweep import Sweep, name_sweeps
from trainers.formatting import format_list
from trainers.wording import describe_config, find_common

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ORDERED = 10  # lines in an order, which a scale tells apart
MAX_ROWS = 40  # of a table
SETTING = ("data set", "model", "epochs")  # of describe_config, that a caption has


class DrawnFigure(NamedTuple):
    """A figure of a paper as drawn from runs."""

    spec: FigureSpec
    tables: list[TidyTable]
    selection: Selection
    is_table: bool

    @property
    def points(self) -> pd.DataFrame:
        """All points, with the quantity that each is of."""
        return pd.concat([table.points.assign(quantity=table.y) for table in self.tables], ignore_index=True)


def draw_paper_figure(
    row: PaperFigure,
    sweeps: Sequence[Sweep],
    chosen: Mapping[str, Sequence[str]] | None = None,
    width: float = WIDTH,
) -> DrawnFigure:
    """Select, measure and lay out a figure.

    Raises SweepError if the runs lack the data for it, or if no trial has the labels of `chosen`.
    """
    usable, lack = find_usable(row, sweeps)
    if row.lacks or row.command or not usable:
        raise SweepError(explain_lack(row, sweeps, lack))
    selection, tables = _measure(row, usable, chosen)
    note = describe_selection(row, selection, tables)
    others = [name for name, sweep in zip(name_sweeps(sweeps), sweeps, strict=True) if sweep not in selection.sweeps]
    caption = " ".join(filter(None, (f"{row.name}: {row.title}.", note, describe_difference_to_paper(row, others))))
    is_table = row.parts[0].chart == TABLE
    size, draw = _lay_out(row, selection, tables, note, width)
    return DrawnFigure(
        FigureSpec(row.name.replace(":", "_"), row.title, caption, size, draw), tables, selection, is_table
    )


def explain_lack(row: PaperFigure, sweeps: Sequence[Sweep], lack: str) -> str:
    """Say why a figure cannot be drawn from some runs, and what would give it."""
    if row.command:
        return f"--figure {row.name}: it is no figure but a table that `{row.command}` prints"
    if row.lacks:
        return f"--figure {row.name}: there is no measure of it yet; it lacks {row.lacks}"
    runs = format_list([sweep.where for sweep in sweeps])
    return f"--figure {row.name}: {runs} lacks {lack}; what gives it: {row.recipe}"


def _measure(
    row: PaperFigure, sweeps: Sequence[Sweep], chosen: Mapping[str, Sequence[str]] | None
) -> tuple[Selection, list[TidyTable]]:
    """Select as many lines as the figure can tell apart, and measure them."""
    most = MAX_ROWS
    while True:
        selection = select(sweeps, row.choice, most, chosen)
        tables = [part.measure(selection) for part in row.parts]
        fitting = _count_fitting(row, selection, tables)
        if len(selection.lines) <= fitting:
            return selection, tables
        most = fitting


def _count_fitting(row: PaperFigure, selection: Selection, tables: Sequence[TidyTable]) -> int:
    """Return how many lines a figure can tell apart: by a scale, by colours, or by these and dashes."""
    if row.parts[0].chart in (TABLE, CLASSES):
        return MAX_ROWS
    if row.ordered or selection.numeric:
        return MAX_ORDERED
    return len(PALETTE) if len(list_variants(tables)) > 1 else 2 * len(PALETTE)


def _lay_out(
    row: PaperFigure, selection: Selection, tables: list[TidyTable], note: str, width: float
) -> tuple[tuple[float, float], Draw]:
    """Return the size of the figure in inches and the function that draws it."""
    chart = row.parts[0].chart
    if chart == TABLE:
        return size_table(tables, width, note), partial(draw_table, tables=tables, note=note)
    if chart == CLASSES:
        classes = arrange_classes(selection, tables[0])
        return size_classes(classes, width), partial(_draw_classes, classes=classes, note=note)
    size, draw = (size_trade_off, draw_trade_off) if chart == TRADE_OFF else (size_lines, draw_lines)
    return size(tables, width), partial(draw, tables=tables, styles=assign_styles(row, selection, tables), note=note)


def _draw_classes(figure: Figure, classes: Classes, note: str) -> None:
    draw_classes(figure, classes)
    draw_legend(figure, [], note)


def assign_styles(row: PaperFigure, selection: Selection, tables: Sequence[TidyTable]) -> dict[str, Style]:
    """Return the style of each line: a scale for those in an order, else that which a page gives their names."""
    if row.ordered or selection.numeric:
        return order_styles(selection.lines)
    register = build_register([selection.trials])
    if len(list_variants(tables)) == 1:
        return register.assign_styles(selection.lines)
    styles = register.assign_styles(selection.lines)
    return {
        line: Style(colour, styles[line].marker) for line, colour in register.assign_colours(selection.lines).items()
    }


def describe_selection(row: PaperFigure, selection: Selection, tables: Sequence[TidyTable]) -> str:
    """Say what a figure shows: interval, seeds, attack, images, training, and what was left out."""
    seeds = format_seed_counts(n for table in tables for n in table.points["n"])
    how = tables[0].how if any(table.points["lo"].notna().any() for table in tables) else "one seed, no interval"
    names = dict.fromkeys(name for table in tables for name in table.attacks)
    attacks = [selection.attacks[name] for name in names if name in selection.attacks]
    examples = max(sweep.test_examples for sweep in selection.sweeps)
    images = f" on {examples:,.0f} test images" if examples < float("inf") else ""
    sentences = [
        f"{how[:1].upper()}{how[1:]} ({seeds}){images}.",
        f"Under {'; '.join(attacks)}." if attacks else "",
        describe_training(selection),
        *dict.fromkeys(note for table in tables for note in table.notes),
        *(f"Left out: {cut}" for cut in selection.cuts),
    ]
    return " ".join(filter(None, sentences))


def describe_training(selection: Selection) -> str:
    """Say on what data, with which model and for how long the selected trials were trained."""
    keys = zip(selection.trials["sweep"], selection.trials["id"], strict=True)
    found = describe_config(find_common([selection.configs[key] for key in keys]))
    words = [f"{name} {found[name]}" if name == "epochs" else found[name] for name in SETTING if found.get(name)]
    return f"Trained here: {'; '.join(words)}." if words else ""


def describe_difference_to_paper(row: PaperFigure, unused: Sequence[str]) -> str:
    """Say in which setting the paper has the figure, what this one lacks, and which runs it does not use."""
    sentences = [
        f"The paper: {row.paper}." if row.paper else "",
        f"Without {row.without}." if row.without else "",
        f"Not used: {', '.join(unused)}." if unused else "",
    ]
    return " ".join(filter(None, sentences))
