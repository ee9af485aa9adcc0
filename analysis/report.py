"""The report of a sweep, redrawn from its records alone: `python -m analysis.report results/friendly_k`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis import page, provenance, tables
from analysis.drawings import (
    class_drawing,
    curve_drawings,
    effect_drawings,
    front_drawing,
    gap_drawing,
    knob_drawings,
    ranking_drawings,
)
from analysis.exceptions import SweepError
from analysis.export import write_table
from analysis.figures import WIDTH, FigureSpec, inches, save
from analysis.findings import findings, limits
from analysis.mirror import readable, send
from analysis.report_data import ReportData, collect_report_data
from analysis.results import Results, load, print_damage
from analysis.setting import describe_setting
from analysis.summary import describe_endings, plain_text, print_summary
from trainers.records import write_atomic
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import show_with


def report(folder: Path, width: float = WIDTH) -> Path:
    """Write the report of a sweep and return its page.

    Raises SweepError where the folder is no sweep, or its report would lie elsewhere.
    """
    return write_report(load(folder), width)


def write_report(results: Results, width: float = WIDTH) -> Path:
    """Figures as PNG and SVG, so many inches wide, tables as CSV and Parquet, and one page that holds all it shows.

    Raises SweepError where a link would lead it elsewhere.
    """
    found, place = collect_report_data(results), results.folder / "report"
    for path in (place, *place.rglob("*")):
        if path.is_symlink():  # a stranger's sweep might have it lead anywhere
            raise SweepError(f"{path}: is a link, and the report would be written to where it leads; remove it")
    results.export(place / "tables")
    for name, table in tables.frames(found).items():
        write_table(table, place / "tables", name)
    body = [*_head(found), *_findings(found), *_sections(found, place / "figures", width), *_tail(found)]
    write_atomic(place / "index.html", page.document(f"{results.study}: report", body))
    return place / "index.html"


def _head(found: ReportData) -> list[str]:
    results = found.results
    lead = f"{provenance.describe_extent(found)} {describe_endings(results)}"
    return [
        page.heading(results.study, 1),
        page.paragraph(lead, "lead"),
        page.facts(provenance.describe_run(found)),
        page.heading("What was trained", 3),
        page.facts(describe_setting(results.plan)),
    ]


def _findings(found: ReportData) -> list[str]:
    return [page.heading("Key findings"), page.bullets(findings(found)), page.heading("Limits", 3),
            page.bullets(limits(found))]  # fmt: skip


def _sections(found: ReportData, folder: Path, width: float) -> list[str]:
    """Each part of the page: its figures and tables, or nothing where the sweep has none."""
    parts: list[tuple[str, Iterable[FigureSpec], list[str]]] = [
        (
            "Clean against robust accuracy",
            front_drawing(found, width),
            [*tables.members(found), *tables.summary(found)],
        ),
        ("What the subset changes", effect_drawings(found, width), tables.subset_effects(found)),
        ("What each axis changes", knob_drawings(found, width), tables.axis_effects(found)),
        ("Along training", curve_drawings(found, width), []),
        ("Overfitting", gap_drawing(found, width), tables.gaps(found)),
        ("Class by class", class_drawing(found, width), []),
        ("Which examples", ranking_drawings(found, width), [*tables.counts(found), *tables.agreements(found)]),
    ]
    body = []
    for title, drawings, shown in parts:
        figures = [_drawn(drawing, folder) for drawing in drawings]
        if figures or shown:
            body += [page.heading(title), *figures, *shown]
    return body


def _drawn(drawing: FigureSpec, folder: Path) -> str:
    save(drawing.draw, drawing.size, [folder / f"{drawing.slug}.{kind}" for kind in ("png", "svg")])
    return page.figure(folder, drawing.slug, drawing.title, drawing.caption)


def _tail(found: ReportData) -> list[str]:
    body = []
    others = tables.others(found)
    if others:
        body += [page.heading("Trained for others"), *others]
    unfinished = tables.unfinished(found)
    if unfinished:
        body += [page.heading("Trials that did not complete"), *unfinished]
    if damaged := found.results.damaged():
        body += [page.heading("Damaged records"), page.bullets([f"{line}; it is left out" for line in damaged])]
    return [*body, page.heading("Provenance"), page.facts(provenance.describe_provenance(found))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, print a summary and say where the report is."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report", description="Redraw a sweep's report from its records."
    )
    parser.add_argument("folder", help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument("--width", type=inches, default=WIDTH, help="inches of the figures (default: %(default)s)")
    options = parser.parse_args(arguments)
    where = options.folder
    try:
        with readable(where) as folder:
            results = load(folder, where)
            written = str(write_report(results, options.width))
            if "://" in where:
                written = f"{send(folder / 'report', where)}/index.html"
    except (SweepError, OSError) as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    print_summary(results, console)
    console.print(plain_text(f"Report: {written}"), soft_wrap=True)
    print_damage([results])
    return 0


if __name__ == "__main__":
    show_with(main)
