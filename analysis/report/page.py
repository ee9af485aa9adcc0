"""The page of a report: its answer first, then figures and tables, in one file that needs no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from analysis.charts.saving import WIDTH
from analysis.exceptions import SweepError
from analysis.report import provenance
from analysis.report.answers import describe_terms, lay_out_answers
from analysis.report.block import build_block
from analysis.report.data import ReportData, collect_frames, collect_report_data
from analysis.report.drawings import DRAWN, PARTS, Drawing, draw_figures
from analysis.report.findings import list_findings, list_limits
from analysis.report.rendering import render_page
from analysis.report.setting import describe_setting
from analysis.report.summary import describe_endings
from analysis.report.tables.claims import render_claims
from analysis.report.tables.configurations import render_configurations
from analysis.report.tables.effects import render_axis_effects, render_subset_effects
from analysis.report.tables.examples import render_agreements, render_counts
from analysis.report.tables.front import render_members
from analysis.report.tables.importance import render_importance
from analysis.report.tables.overfitting import render_gaps
from analysis.report.tables.trainings import render_unfinished, render_upstream
from analysis.results.sweep import load_sweep
from analysis.results.table_files import write_table
from trainers.record_io import write_atomic

STEPS = 1 + len(PARTS) + 1  # of a report: its tables, its figures, and the page


def redraw_report(folder: Path, width: float = WIDTH) -> Path:
    """Load a sweep, write its report and return the path of the page.

    Raises SweepError if the folder is no sweep, or a link would redirect the report.
    """
    return write_report(collect_report_data(load_sweep(folder)), width)


def write_report(
    found: ReportData, width: float = WIDTH, advance: Callable[[], None] = lambda: None, page: Path | None = None,
    reload_seconds: float | None = None,
) -> Path:  # fmt: skip
    """Write figures as PNG, SVG and PDF, tables as CSV and Parquet, and one page that embeds all it shows.

    `width` is the width of the figures in inches; `advance` is called after each of STEPS steps. Raises SweepError if a
    link would redirect the report.
    """
    page = page or found.results.folder / "report" / "index.html"
    place = page.parent
    for path in (place, *place.rglob("*")):
        if path.is_symlink():  # in a sweep from elsewhere a link may lead anywhere
            raise SweepError(f"{path}: is a link, and the report would be written to its target; remove the link")
    frames = collect_frames(found)
    for name, table in frames.items():
        write_table(table, place / "tables", name)
    advance()
    figures = draw_figures(found, place / "figures", "figures", width, advance)
    links = {f"{name}.csv": f"tables/{name}.csv" for name in frames}
    block = build_block(found)
    text = render_page(block, **collect_context(found, block, figures, links))
    write_atomic(page, text)
    advance()
    return page


def collect_context(
    found: ReportData, block: Mapping[str, Any], figures: dict[str, list[Drawing]], links: dict[str, str]
) -> dict[str, Any]:
    """Collect what the templates show."""
    results = found.results
    tables = {
        "overfitting": render_gaps(found),
        "evidence": [*render_subset_effects(found), *render_axis_effects(found), *render_claims(found)],
        "front": render_members(found),
        "examples": [*render_counts(found), *render_agreements(found)],
        "importance": render_importance(found),
        "stopping": [],
        "trainings": [*render_upstream(found), *render_unfinished(found)],
    }
    return {
        "title": f"{results.study}: report",
        "name": results.study,
        "question": results.question or results.study,
        "kicker": f"{provenance.describe_extent(found)} {describe_endings(results)}",
        "state": describe_endings(results),
        "notices": [],
        "contents": list_contents(block, figures, tables),
        "answers": lay_out_answers(found),
        "terms": describe_terms(found),
        "is_search": block["kind"] == "search",
        "selects": results.selects,
        "has_front": found.front is not None,
        "no_front": found.no_front,
        "front_caption": "Each mark is a configuration, the mean over its seeds ± 1 s.e.",
        "class_caption": "",
        "importance_caption": "",
        "stopping_words": "",
        "numeric_knobs": sum(knob["scale"] != "category" for knob in block["knobs"]),
        "findings": list_findings(found),
        "limits": list_limits(found),
        "provenance": provenance.describe_provenance(found),
        "setting": describe_setting(results.plan),
        "run": provenance.describe_run(found),
        "damaged": [f"{line}; it is left out" for line in results.damaged()],
        "configurations": render_configurations(block),
        "table_links": links,
        "tables": tables,
        "figures": figures,
        "all_figures": [*figures[DRAWN], *(one for part in PARTS for one in figures[part])],
    }


def list_contents(
    block: Mapping[str, Any], figures: dict[str, list[Drawing]], tables: dict[str, list[str]]
) -> dict[str, str]:
    """List the sections that the page has, in order, each by its anchor."""
    search = block["kind"] == "search"
    sections = {
        "answer": ("Answer", True),
        "history": ("History", search),
        "what-matters": ("What matters", search),
        "slices": ("Slices", search),
        "along-training": ("Curves", True),
        "stopping": ("Stopping", search),
        "evidence": ("Evidence", True),
        "configurations": ("Configurations", True),
        "classes": ("Classes", True),
        "examples": ("Examples", bool(figures["examples"] or tables["examples"])),
        "limits": ("Limits", True),
        "provenance": ("Provenance", True),
    }
    return {anchor: words for anchor, (words, shown) in sections.items() if shown}
