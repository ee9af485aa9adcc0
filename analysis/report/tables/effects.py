"""The tables of paired differences: between subsets, and along each other axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis.measures.stats import Estimate
from analysis.report import html
from analysis.report.data import ReportData
from analysis.results.axes import SEPARATOR
from analysis.results.metrics import (
    CHECKPOINTS,
    describe_metric,
    shorten_attack,
)
from analysis.results.page_cut import cut_end


def render_subset_effects(found: ReportData) -> list[Markup]:
    """Render paired differences between subsets, in points."""
    return _render_effects(found, found.subset_effects, "subset")


def render_axis_effects(found: ReportData) -> list[Markup]:
    """Render paired differences along each other axis, in points."""
    tables = found.axis_effects.items()
    return [part for path, table in tables for part in _render_effects(found, table, path)]


def _render_effects(found: ReportData, table: pd.DataFrame, axis: str) -> list[Markup]:
    """Render the paired differences along an axis, and name the values without a comparison."""
    known = table[table["n"] > 0]
    alone = ", ".join(found.uncompared.get(axis, ()))
    alone = f" Not compared, as no other configuration is equal in all else: {alone}." if alone else ""
    if known.empty:
        return [html.render_paragraph(f"{axis}.{alone}", "caption")] if alone else []
    columns = list(dict.fromkeys(known["metric"]))
    settings: dict[str, dict[str, dict[str, Mapping[Any, Any]]]] = {}  # setting -> comparison -> metric -> row
    for row in known.to_dict("records"):
        name = SEPARATOR.join(filter(None, (f"{row['minuend']} − {row['subtrahend']}", row["family"])))
        settings.setdefault(row["setting"], {}).setdefault(name, {})[row["metric"]] = row
    rows: list[tuple[str, ...]] = []
    for setting, comparisons in settings.items():
        rows += [(setting,)] if setting else []
        for name, by in comparisons.items():
            cells = (_format_difference(by[column]) if column in by else "–" for column in columns)
            rows.append((name, str(max(int(row["n"]) for row in by.values())), *cells))
    header = (axis, "seeds", *(_column_title(column, found) for column in columns))
    caption = "Paired differences in points on the test set, mean ± standard error over seeds, everything else equal."
    caption += alone
    cut = cut_end(len(rows))
    words = cut.describe("rows", "the first", f"{'subset' if axis == 'subset' else 'axis'}_effects")
    return [html.render_table(header, [rows[place] for place in cut.rows], f"{words} {caption}".lstrip())]


def _column_title(column: str, found: ReportData) -> str:
    checkpoint, _, metric = column.partition("_")
    if checkpoint in CHECKPOINTS:
        name = describe_metric(metric, found.results.attacks).replace(" test accuracy", "")
        return f"{name}, {'last' if checkpoint == 'last' else 'selected'}"
    gaps = {"robust_overfitting": "best − last", "robust_overfitting_val": "selected − last"}
    return f"{gaps[column]}, {shorten_attack('pgd', found.results.attacks)}" if column in gaps else column


def _format_difference(row: Mapping[Any, Any]) -> str:
    return Estimate(row["mean"], row["se"], int(row["n"])).text(signed=True)
