"""The page of a report: figures, tables and findings, in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from analysis.charts.saving import WIDTH, FigureSpec, save_figure
from analysis.exceptions import SweepError
from analysis.report import html, provenance
from analysis.report.answers import describe_terms, list_answers
from analysis.report.data import ReportData, collect_frames, collect_report_data
from analysis.report.figures import (
    specify_classes,
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
    specify_importance,
    specify_knobs,
    specify_rankings,
)
from analysis.report.findings import list_findings, list_limits
from analysis.report.setting import describe_setting
from analysis.report.summary import describe_endings
from analysis.report.tables.claims import render_claims
from analysis.report.tables.effects import render_axis_effects, render_subset_effects
from analysis.report.tables.examples import render_agreements, render_counts
from analysis.report.tables.front import render_members, render_summary
from analysis.report.tables.importance import render_importance
from analysis.report.tables.overfitting import render_gaps
from analysis.report.tables.trainings import render_unfinished, render_upstream
from analysis.results.sweep import load_sweep
from analysis.results.table_files import write_table
from trainers.record_io import write_atomic

STEPS = 1 + 9  # of a report: its tables, and its sections


def redraw_report(folder: Path, width: float = WIDTH) -> Path:
    """Load a sweep, write its report and return the path of the page.

    Raises SweepError if the folder is no sweep, or a link would redirect the report.
    """
    return write_report(collect_report_data(load_sweep(folder)), width)


def write_report(found: ReportData, width: float = WIDTH, advance: Callable[[], None] = lambda: None) -> Path:
    """Write figures as PNG and SVG, tables as CSV and Parquet, and one page that embeds all it shows.

    `width` is the width of the figures in inches; `advance` is called after each of STEPS steps. Raises SweepError if a
    link would redirect the report.
    """
    results = found.results
    place = results.folder / "report"
    for path in (place, *place.rglob("*")):
        if path.is_symlink():  # in a sweep from elsewhere a link may lead anywhere
            raise SweepError(f"{path}: is a link, and the report would be written to its target; remove the link")
    for name, table in collect_frames(found).items():
        write_table(table, place / "tables", name)
    advance()
    body = [
        *_render_head(found),
        *_render_findings(found),
        *_render_sections(found, place / "figures", width, advance),
        *_render_tail(found),
    ]
    write_atomic(place / "index.html", html.render_document(f"{results.study}: report", body))
    return place / "index.html"


def _render_head(found: ReportData) -> list[str]:
    results = found.results
    answers = list_answers(found)
    lead = f"{provenance.describe_extent(found)} {describe_endings(results)}"
    return [
        html.render_heading(results.question or results.study, 1),
        *([html.render_answers(answers), html.render_paragraph(describe_terms(found), "terms")] if answers else []),
        html.render_paragraph(f"{results.study * bool(results.question)}: {lead}".removeprefix(": "), "lead"),
        html.render_facts(provenance.describe_run(found)),
        html.render_heading("What was trained", 3),
        html.render_facts(describe_setting(results.plan)),
    ]


def _render_findings(found: ReportData) -> list[str]:
    return [
        html.render_heading("Key findings"),
        html.render_bullets(list_findings(found)),
        html.render_heading("Limits", 3),
        html.render_bullets(list_limits(found)),
    ]


def _render_sections(found: ReportData, folder: Path, width: float, advance: Callable[[], None]) -> list[str]:
    """Render the sections of the page; a section without figures and tables is omitted."""
    parts: list[tuple[str, Iterable[FigureSpec], list[str]]] = [
        (
            "Clean against robust accuracy",
            specify_front(found, width),
            [*render_members(found), *render_summary(found)],
        ),
        ("What the subset changes", specify_effects(found, width), render_subset_effects(found)),
        ("What each axis changes", specify_knobs(found, width), render_axis_effects(found)),
        ("Which knobs matter", specify_importance(found, width), render_importance(found)),
        ("Along training", specify_curves(found, width), []),
        ("Overfitting", specify_gaps(found, width), render_gaps(found)),
        ("Accuracy by class", specify_classes(found, width), []),
        (
            "Which examples",
            specify_rankings(found, width),
            [*render_counts(found), *render_agreements(found)],
        ),
        ("Claims of the papers", (), render_claims(found)),
    ]
    body = []
    for title, drawings, shown in parts:
        figures = [_render_drawing(drawing, folder) for drawing in drawings]
        if figures or shown:
            body += [html.render_heading(title), *figures, *shown]
        advance()
    return body


def _render_drawing(drawing: FigureSpec, folder: Path) -> str:
    save_figure(drawing.draw, drawing.size, [folder / f"{drawing.slug}.{kind}" for kind in ("png", "svg")])
    return html.render_figure(folder, drawing.slug, drawing.title, drawing.caption)


def _render_tail(found: ReportData) -> list[str]:
    body = []
    others = render_upstream(found)
    if others:
        body += [html.render_heading("Pretraining and profiling"), *others]
    unfinished = render_unfinished(found)
    if unfinished:
        body += [html.render_heading("Trials that did not complete"), *unfinished]
    if damaged := found.results.damaged():
        body += [
            html.render_heading("Damaged records"),
            html.render_bullets([f"{line}; it is left out" for line in damaged]),
        ]
    return [*body, html.render_heading("Provenance"), html.render_facts(provenance.describe_provenance(found))]
