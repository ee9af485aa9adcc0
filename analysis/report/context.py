"""What the templates of a page show of one sweep: its sections, words, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from analysis.report import captions, provenance
from analysis.report.answers import describe_terms
from analysis.report.data import ReportData
from analysis.report.drawings import Drawing, Figures
from analysis.report.findings import list_findings, list_limits
from analysis.report.html import render_commands
from analysis.report.notices import list_notices
from analysis.report.progress import RUNNING
from analysis.report.search_answers import lay_out_cards
from analysis.report.setting import describe_setting
from analysis.report.summary import describe_endings
from analysis.report.tables.claims import render_claims
from analysis.report.tables.configurations import list_recorded, list_verdicts, render_configurations
from analysis.report.tables.effects import render_axis_effects, render_subset_effects
from analysis.report.tables.endings import render_endings
from analysis.report.tables.examples import render_agreements, render_counts
from analysis.report.tables.front import render_members
from analysis.report.tables.importance import render_importance
from analysis.report.tables.overfitting import render_gaps
from analysis.report.tables.trainings import render_unfinished, render_upstream

SHORT_TITLES = {  # of sections, in the bar at the top
    "what-matters": "Knobs",
    "along-training": "Curves",
    "configurations": "Table",
    "stopping": "Stopping",
    "classes": "Classes",
    "settings": "Settings",
    "provenance": "Sources",
}
TIMES = ("date", "wall time", "time in trials")  # of a run, beside its command
Tables = Mapping[str, list[Markup]]


def collect_context(
    found: ReportData, block: Mapping[str, Any], figures: Figures, links: Mapping[str, str]
) -> dict[str, Any]:
    """Collect what the page of a sweep shows."""
    results, is_search = found.results, block["kind"] == "search"
    tables = _render_tables(found, is_search)
    limits = list_limits(found)
    contents = _list_contents(found, block, figures, tables, limits)
    return {
        **collect_frame(block, contents),
        "name": results.study,
        "question": results.question or results.study,
        "kicker": _describe_study(found),
        "notices": list_notices(found),
        "answers": lay_out_cards(found),
        "terms": describe_terms(found),
        "selects": results.selects,
        "no_front": found.no_front,
        "captions": _describe_figures(found, block, figures),
        "certainty": captions.describe_certainty(found.front) if found.front else [],
        "findings": list_findings(found),
        "limits": limits,
        "sweeps": [collect_provenance(found)],
        "configurations": render_configurations(block, list_verdicts(found, block), list_recorded(found, block)),
        "tables": tables,
        "quoted_folder": repr(results.where),
        "table_links": links,
        "figures": figures,
        "drawings": list_drawings(figures),
    }


def collect_frame(block: Mapping[str, Any], contents: Mapping[str, str]) -> dict[str, Any]:
    """Collect what every page has around its sections."""
    state = block["state"]
    written = f", written {state['written'][11:16]}" if state["state"] == RUNNING and state["written"] else ""
    return {
        "title": f"{block['study']}: report",
        "state": f"{state['text']}{written}",
        "is_search": block["kind"] == "search",
        "has_front": bool(block["trials"].get(f"{block['checkpoint']}_{block['y']}")),
        "contents": contents,
        "short_titles": SHORT_TITLES,
        "numeric_knobs": _list_numeric(block),
    }


def _list_numeric(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [knob for knob in block["knobs"] if knob["scale"] != "category"]


def collect_provenance(found: ReportData) -> dict[str, Any]:
    """Collect where the numbers of a sweep come from, and what was trained."""
    run = provenance.describe_run(found)
    times = {name: run.pop(name) for name in TIMES}
    origin = provenance.describe_provenance(found)
    commands = {name: render_commands(origin[name]) for name in provenance.COMMANDS}
    return {
        "name": found.results.study,
        "where": found.results.where,
        "facts": origin | commands | {"trials": describe_endings(found.results)} | times,
        "setting": describe_setting(found.results.plan),
        "run": run,
        "damaged": [f"{line}; it is left out" for line in found.results.damaged()],
    }


def list_drawings(figures: Figures) -> list[Drawing]:
    """List all figures, those that scripts draw first."""
    return [drawing for drawings in figures.values() for drawing in drawings]


def _render_tables(found: ReportData, is_search: bool) -> Tables:
    unfinished = render_unfinished(found)
    return {
        "importance": render_importance(found),
        "overfitting": render_gaps(found),
        "effects": [*render_subset_effects(found), *render_axis_effects(found)],
        "claims": render_claims(found),
        "members": render_members(found),
        "examples": [*render_counts(found), *render_agreements(found)],
        "stopping": [*render_endings(found), *unfinished] if is_search else [],
        "unfinished": [] if is_search else unfinished,
        "upstream": render_upstream(found),
    }


def _list_contents(
    found: ReportData, block: Mapping[str, Any], figures: Figures, tables: Tables, limits: Sequence[str]
) -> dict[str, str]:
    """List the sections that the page has, in order: each by its anchor, with its title and what it is left without."""
    is_search, several_knobs = block["kind"] == "search", len(_list_numeric(block)) > 1
    sections: dict[str, tuple[str, Any]] = {
        "answer": ("Answer", True),
        "history": ("History", block["history"]),
        "what-matters": ("What matters", several_knobs or figures["knobs"] or (is_search and block["importance"])),
        "slices": ("Slices", is_search and block["knobs"]),
        "along-training": ("Along training", block["curves"].get("epoch")),
        "stopping": ("What stopping cut", is_search and (block["stopping"] or tables["stopping"])),
        "evidence": ("Evidence", found.front or tables["claims"]),
        "configurations": ("Configurations", len(block["configurations"]["choice"])),
        "classes": ("Class by class", len(found.classes)),
        "examples": ("Examples", figures["examples"] or figures["groups"] or len(found.counts) > 1),
        "limits": ("Limits", limits),
        "provenance": ("Provenance", True),
    }
    return {anchor: title for anchor, (title, shown) in sections.items() if shown}


def _describe_study(found: ReportData) -> str:
    """Describe in a line what was trained, and how much of it."""
    name = found.results.study
    setting = describe_setting(found.results.plan)
    epochs = setting.get("epochs", "")
    parts = (setting.get("data set", "").partition(",")[0], setting.get("model", ""), epochs and f"{epochs} epochs")
    what = ", ".join(filter(None, parts))
    return f"{name}. " * bool(found.results.question) + f"{what}. " * bool(what) + provenance.describe_extent(found)


def _describe_figures(found: ReportData, block: Mapping[str, Any], figures: Figures) -> dict[str, str]:
    """Caption the figures that scripts draw; those of importances as the figure in the files."""
    drawn = {drawing.slug: drawing.caption for drawing in list_drawings(figures)}
    return {
        "front": captions.describe_front(found.front) if found.front else "",
        "curves": captions.describe_curves(found, captions.describe_drops(block)),
        "classes": captions.describe_classes(found),
        "importance": drawn.get("importance", ""),
        "stopping": captions.describe_stopping(found),
        "constant": captions.describe_constant(block),
        "lost": captions.describe_lost(block),
    }
