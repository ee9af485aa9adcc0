"""The whole block of a page, from the data of one report or of several."""

from __future__ import annotations

from typing import Any

from analysis.charts.markers import FEW, list_kinds, mark_subsets
from analysis.report.block.classes import build_classes, build_counts
from analysis.report.block.comparison import list_differing_settings
from analysis.report.block.configurations import build_configurations
from analysis.report.block.curves import build_curves
from analysis.report.block.effects import build_effects
from analysis.report.block.endings import describe_state
from analysis.report.block.knobs import build_knobs
from analysis.report.block.metrics import describe_metrics, list_metrics
from analysis.report.block.rows import Rows, collect_rows
from analysis.report.block.search import build_history, build_importance, build_stopping, find_kind
from analysis.report.block.trials import build_trials
from analysis.report.data import ReportData
from analysis.results.axes import SEPARATOR
from analysis.results.metrics import CLEAN, EPOCH_METRIC

SCHEMA = 1  # of the keys of a block
SHAPES = {"o": "circle", "^": "up", "v": "down", "s": "square", "D": "diamond", "*": "star", "P": "cross"}  # of a page


def build_block(*reports: ReportData, reload_seconds: float | None = None) -> dict[str, Any]:
    """Build the data that the scripts of a page draw from, of one report or of several sweeps that are compared.

    Raises SweepError if a sweep or a copy of it is given twice.
    """
    return assemble_block(collect_rows(reports), reload_seconds)


def assemble_block(rows: Rows, reload_seconds: float | None = None) -> dict[str, Any]:
    """Build the block of a page from its trials and configurations. The same records make the same block.

    `reload_seconds` is how often the page loads itself again, None for never.
    """
    curves, metrics = build_curves(rows), list_metrics(rows)
    block = _describe_study(rows, reload_seconds)
    block |= {"metrics": describe_metrics(rows, list(curves)), **_choose_axes(rows, metrics)}
    block |= {**_list_groups(rows), "knobs": build_knobs(rows)}
    block |= {
        "configurations": build_configurations(rows),
        "sweeps": list(rows.sweeps),
        "trials": build_trials(rows, metrics),
        "curves": curves,
        "effects": build_effects(rows),
        "classes": build_classes(rows),
        "counts": build_counts(rows),
        "history": build_history(rows),
        "importance": build_importance(rows),
        "stopping": build_stopping(rows),
    }
    if len(rows.reports) > 1:
        block |= {"settings_differ": list_differing_settings(rows)}
    return block


def _describe_study(rows: Rows, reload_seconds: float | None) -> dict[str, Any]:
    questions = list(dict.fromkeys(filter(None, (sweep.question for sweep in rows.results))))
    return {
        "schema": SCHEMA,
        "study": SEPARATOR.join(rows.sweeps),
        "question": questions[0] if len(questions) == 1 else "",
        "kind": find_kind(rows),
        "state": describe_state(rows),
        "reload_seconds": reload_seconds,
    }


def _choose_axes(rows: Rows, metrics: list[str]) -> dict[str, str]:
    """Choose the accuracies and the checkpoint that the page starts with: those of the front, if there is one."""
    first = rows.reports[0]
    pair = (rows.front.x, rows.front.y) if rows.front else (first.clean or CLEAN, first.robust or EPOCH_METRIC)
    x, y = (metric if metric in metrics or not metrics else metrics[0] for metric in pair)
    return {"x": x, "y": y, "checkpoint": rows.checkpoint}


def _list_groups(rows: Rows) -> dict[str, Any]:
    """List the settings, methods and subsets, in the order of all tables, and the marker of each subset."""
    settings, families, subsets = (
        rows.configurations[name].drop_duplicates().tolist() for name in ("setting", "family", "subset_label")
    )
    names = {setting: setting for setting in settings}
    markers = mark_subsets(list_kinds([sweep.study_trials for sweep in rows.results]), FEW)
    shapes = [SHAPES[markers[subset]] for subset in subsets]
    return {"settings": settings, "setting_names": names, "families": families, "subsets": subsets, "shapes": shapes}
