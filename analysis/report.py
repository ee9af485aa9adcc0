"""The report of a sweep, drawn from its records alone: `python -m analysis.report results/friendly_k`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis import page, provenance, tables
from analysis.drawings import (
    specify_classes,
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
    specify_knobs,
    specify_rankings,
)
from analysis.exceptions import SweepError
from analysis.export import write_table
from analysis.figures import WIDTH, FigureSpec, parse_width, save_figure
from analysis.findings import list_findings, list_limits
from analysis.mirror import open_records, send_folder
from analysis.report_data import ReportData, collect_report_data
from analysis.results import Results, load, print_damage
from analysis.setting import describe_setting
from analysis.summary import describe_endings, plain_text, print_summary
from trainers.record_io import write_atomic
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import run_and_exit


def redraw_report(folder: Path, width: float = WIDTH) -> Path:
    """Load a sweep, write its report and return the path of the page.

    Raises SweepError if the folder is no sweep, or a link would redirect the report.
    """
    return write_report(load(folder), width)


def write_report(results: Results, width: float = WIDTH) -> Path:
    """Write figures as PNG and SVG, tables as CSV and Parquet, and one page that embeds all it shows.

    `width` is the width of the figures in inches. Raises SweepError if a link would redirect the report.
    """
    found, place = collect_report_data(results), results.folder / "report"
    for path in (place, *place.rglob("*")):
        if path.is_symlink():  # in a sweep from elsewhere a link may lead anywhere
            raise SweepError(f"{path}: is a link, and the report would be written to its target; remove the link")
    results.export(place / "tables")
    for name, table in tables.collect_frames(found).items():
        write_table(table, place / "tables", name)
    body = [
        *_render_head(found),
        *_render_findings(found),
        *_render_sections(found, place / "figures", width),
        *_render_tail(found),
    ]
    write_atomic(place / "index.html", page.render_document(f"{results.study}: report", body))
    return place / "index.html"


def _render_head(found: ReportData) -> list[str]:
    results = found.results
    lead = f"{provenance.describe_extent(found)} {describe_endings(results)}"
    return [
        page.render_heading(results.study, 1),
        page.render_paragraph(lead, "lead"),
        page.render_facts(provenance.describe_run(found)),
        page.render_heading("What was trained", 3),
        page.render_facts(describe_setting(results.plan)),
    ]


def _render_findings(found: ReportData) -> list[str]:
    return [
        page.render_heading("Key findings"),
        page.render_bullets(list_findings(found)),
        page.render_heading("Limits", 3),
        page.render_bullets(list_limits(found)),
    ]


def _render_sections(found: ReportData, folder: Path, width: float) -> list[str]:
    """Render the sections of the page; a section without figures and tables is omitted."""
    parts: list[tuple[str, Iterable[FigureSpec], list[str]]] = [
        (
            "Clean against robust accuracy",
            specify_front(found, width),
            [*tables.render_members(found), *tables.render_summary(found)],
        ),
        ("What the subset changes", specify_effects(found, width), tables.render_subset_effects(found)),
        ("What each axis changes", specify_knobs(found, width), tables.render_axis_effects(found)),
        ("Along training", specify_curves(found, width), []),
        ("Overfitting", specify_gaps(found, width), tables.render_gaps(found)),
        ("Accuracy by class", specify_classes(found, width), []),
        (
            "Which examples",
            specify_rankings(found, width),
            [*tables.render_counts(found), *tables.render_agreements(found)],
        ),
    ]
    body = []
    for title, drawings, shown in parts:
        figures = [_render_drawing(drawing, folder) for drawing in drawings]
        if figures or shown:
            body += [page.render_heading(title), *figures, *shown]
    return body


def _render_drawing(drawing: FigureSpec, folder: Path) -> str:
    save_figure(drawing.draw, drawing.size, [folder / f"{drawing.slug}.{kind}" for kind in ("png", "svg")])
    return page.render_figure(folder, drawing.slug, drawing.title, drawing.caption)


def _render_tail(found: ReportData) -> list[str]:
    body = []
    others = tables.render_upstream(found)
    if others:
        body += [page.render_heading("Pretraining and profiling"), *others]
    unfinished = tables.render_unfinished(found)
    if unfinished:
        body += [page.render_heading("Trials that did not complete"), *unfinished]
    if damaged := found.results.damaged():
        body += [
            page.render_heading("Damaged records"),
            page.render_bullets([f"{line}; it is left out" for line in damaged]),
        ]
    return [*body, page.render_heading("Provenance"), page.render_facts(provenance.describe_provenance(found))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, print a summary and print the path of the report."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report", description="Draw the report of a sweep from its records."
    )
    parser.add_argument("folder", help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figures in inches (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    where = options.folder
    try:
        with open_records(where) as folder:
            results = load(folder, where)
            written = str(write_report(results, options.width))
            if "://" in where:
                written = f"{send_folder(folder / 'report', where)}/index.html"
    except (SweepError, OSError) as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    print_summary(results, console)
    console.print(plain_text(f"Report: {written}"), soft_wrap=True)
    print_damage([results])
    return 0


if __name__ == "__main__":
    run_and_exit(main)
