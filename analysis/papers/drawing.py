"""A paper's figure drawn from runs: its selection, its tidy tables, its chart and its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

import pandas as pd

from analysis.charts.chart import FigureSpec
from analysis.charts.saving import WIDTH
from analysis.exceptions import SweepError
from analysis.measures.figure_table import TidyTable
from analysis.measures.own_attack import describe_training_attacks
from analysis.measures.stats import format_seed_counts
from analysis.measures.tidy import STANDARD_ERROR
from analysis.papers.layout import CHARTS, MAX_ROWS, Picture
from analysis.papers.part import TABLE
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.selection import Selection, select
from analysis.results.sweep import Sweep, name_sweeps
from trainers.formatting import format_list
from trainers.record_io import Row
from trainers.wording import VARIED, describe_config, find_common

SETTING = ("loss", "weight", "target", "subset", "data set", "model", "epochs")  # of describe_config, that a note has
USUAL = {"loss": "ce"}  # what no note names
OTHERS = "all trainings but this one."  # of a figure that shows the examples of one
OVER_SEEDS = "over seeds"  # in the words for an interval
ELSEWHERE = ("val", "test")  # parts of the data that no caption needs, or that it has as test images


class DrawnFigure(NamedTuple):
    """A figure of a paper as drawn from runs."""

    spec: FigureSpec
    tables: list[TidyTable]
    selection: Selection
    is_table: bool

    @property
    def points(self) -> pd.DataFrame:
        """All points, with the quantity that each is of."""
        tables = [table.points.assign(quantity=table.name_quantities()) for table in self.tables]
        return pd.concat(tables, ignore_index=True)


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
    if row.lacks or not usable:
        raise SweepError(explain_lack(row, sweeps, lack))
    selection, tables = _measure(row, usable, chosen, sweeps)
    if all(table.points.empty for table in tables):
        other = ", or give a run with PGD training on the same examples and labels" if row.reference else ""
        raise SweepError(f"--figure {row.name}: the chosen trials have none of it; choose others by --where{other}")
    note = describe_selection(row, selection, tables)
    used = {sweep.folder for sweep in selection.sweeps} | {folder for table in tables for folder in table.borrowed}
    others = [name for name, sweep in zip(name_sweeps(sweeps), sweeps, strict=True) if sweep.folder not in used]
    caption = " ".join(filter(None, (f"{row.name}: {row.title}.", note, describe_difference_to_paper(row, others))))
    is_table = row.parts[0].chart == TABLE
    chart = CHARTS[row.parts[0].chart].lay_out(Picture(row, selection, tables, note, width))
    return DrawnFigure(FigureSpec(row.name.replace(":", "_"), row.title, caption, chart), tables, selection, is_table)


def explain_lack(row: PaperFigure, sweeps: Sequence[Sweep], lack: str) -> str:
    """Say why a figure cannot be drawn from some runs, and what would give it."""
    if row.lacks:
        return f"--figure {row.name}: there is no measure of it yet; it lacks {row.lacks}"
    runs = format_list([sweep.where for sweep in sweeps])
    return f"--figure {row.name}: {runs} lacks {lack}; what gives it: {row.recipe}"


def _measure(
    row: PaperFigure,
    sweeps: Sequence[Sweep],
    chosen: Mapping[str, Sequence[str]] | None,
    given: Sequence[Sweep],
) -> tuple[Selection, list[TidyTable]]:
    """Select as many lines as the figure can tell apart, and measure them."""
    most = MAX_ROWS
    while True:
        selection = select(sweeps, row.choice, most, chosen, given)
        measure = cache(partial(_measure_parts, row, selection))  # arrays of many lines take long to read
        fitting = CHARTS[row.parts[0].chart].count_fitting(row, selection, measure)
        if len(selection.lines) <= fitting:
            return selection, measure()
        most = fitting


def _measure_parts(row: PaperFigure, selection: Selection) -> list[TidyTable]:
    return [part.measure(selection) for part in row.parts]


def describe_selection(row: PaperFigure, selection: Selection, tables: Sequence[TidyTable]) -> str:
    """Say what a figure shows: interval, seeds, attack, images, training, and what was left out."""
    seeds = format_seed_counts((n for table in tables for n in table.points["n"]), tables[0].unit)
    how = _describe_interval(tables, seeds)
    names = dict.fromkeys(name for table in tables for name in table.attacks)
    attacks = [selection.attacks[name] for name in names if name in selection.attacks]
    examples = max(sweep.test_examples for sweep in selection.sweeps)
    is_known = examples < float("inf") and any(table.of_test for table in tables)
    images = f" on {examples:,.0f} test images" if is_known else ""
    shown = [table.shown for table in tables if table.shown is not None]
    cuts = (OTHERS,) * (len(selection.trials) > 1) if shown else selection.cuts
    sentences = [
        f"{how[:1].upper()}{how[1:]}{images}.",
        f"Under {_join_attacks(attacks)}." if attacks else "",
        describe_training(shown or selection.trained),
        *dict.fromkeys(note for table in tables for note in table.notes),
        *(f"Left out: {cut}" for cut in cuts),
    ]
    return " ".join(filter(None, sentences))


def _describe_interval(tables: Sequence[TidyTable], seeds: str) -> str:
    """Say what the interval is and over how many seeds, once."""
    how = tables[0].how
    if how == STANDARD_ERROR and not any(table.points["lo"].notna().any() for table in tables):
        return f"{seeds} without an interval"
    return how.replace(OVER_SEEDS, f"over {seeds}") if OVER_SEEDS in how else f"{how} ({seeds})"


def _join_attacks(attacks: Sequence[str]) -> str:
    """Join descriptions of attacks, those that differ in their name alone as one."""
    names: dict[str, list[str]] = {}  # what follows the name -> the names
    for attack in attacks:
        name, _, rest = attack.partition(", ")
        names.setdefault(rest, []).append(name)
    return "; ".join(", ".join(filter(None, (*heads, rest))) for rest, heads in names.items())


def describe_training(configs: Sequence[Row]) -> str:
    """Say how some trials were trained: under which attacks, on what data, with which model and how long."""
    common = find_common(configs)
    if isinstance(data := common.get("data"), Mapping):
        kept = {key: value for key, value in data.items() if key not in ELSEWHERE and value != VARIED}
        common = common | {"data": kept}
    found = describe_config(common)
    words = [
        f"{name} {found[name]}" if name == "epochs" else found[name]
        for name in SETTING
        if not found.get(name, VARIED).startswith(VARIED) and found[name] != USUAL.get(name)
    ]
    return f"Trained here: under {'; '.join([describe_training_attacks(configs), *words])}."


def describe_difference_to_paper(row: PaperFigure, unused: Sequence[str]) -> str:
    """Say in which setting the paper has the figure, what this one lacks, and which runs it does not use."""
    sentences = [
        f"The paper: {row.paper}." if row.paper else "",
        f"Without {row.without}." if row.without else "",
        f"Not used: {', '.join(unused)}." if unused else "",
    ]
    return " ".join(filter(None, sentences))
