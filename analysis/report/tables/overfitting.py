"""The table of overfitting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from analysis.measures.stats import POINTS
from analysis.report import html
from analysis.report.data import ReportData
from analysis.report.tables.cells import drop_empty_columns, format_estimate
from analysis.results.metrics import shorten_attack
from analysis.results.page_cut import MAX_TABLE_ROWS, cut_in_turn


def render_gaps(found: ReportData) -> list[Markup]:
    """Render a table of the overfitting of each configuration."""
    known = found.gaps[found.gaps["robust_overfitting"].notna()]
    if known.empty:
        return []
    same = bool(known["generalization_gap"].notna().any())
    attack = shorten_attack("pgd", found.results.attacks)
    columns = ["peak", "selected", "last", "robust_overfitting", "robust_overfitting_val"]
    columns += ["generalization_gap"] * same
    rows: list[tuple[str, ...]] = []
    cut = cut_in_turn(known["setting"].tolist(), MAX_TABLE_ROWS)
    shown = known.iloc[cut.rows]
    for setting, group in shown.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        for row in group.to_dict("records"):
            cells = [format_estimate(row, column) for column in columns]
            if not found.results.selects:
                cells[1] = cells[4] = ""
            rows.append((row["choice"], str(row["n"]), *cells[:4], _format_floor(row), _format_fall(row), *cells[4:]))
    header = ["configuration", "seeds", "best on test", "selected", "last"]
    header += [f"best − last, {attack}", "floor", f"fall, {attack}", f"selected − last, {attack}"]
    header += [f"train − test, last, {attack}"] * same
    caption = f"Robust accuracy in %, gaps in points; {found.results.attacks.get('pgd', 'PGD')}. The floor is the best "
    caption += "− last to expect of a curve with the same scatter that climbs and never falls"
    caption += "; * uses the scatter of all curves of the problem, as this curve has too few evaluations" * bool(
        known["floor_borrowed"].any()
    )
    caption += (
        ". The fall is that of the trend line along the plateau, the evaluations after the climb, with its 95 % "
        "t-interval for these trainings; a curve falls if the interval is above zero."
    )
    caption += (
        " The gap train − test uses the training examples under the same attack, in eval mode and without augmentation."
        if same
        else " The gap train − test is not shown, as training accuracy under this attack was not measured (evaluate: "
        "{train: true})."
    )
    caption = f"{cut.describe('configurations', 'the first of each problem', 'overfitting')} {caption}".lstrip()
    return [html.render_table(*drop_empty_columns(header, rows), caption)]


def _format_floor(row: Mapping[Any, Any]) -> str:
    """Format a floor in points, with a star if its scatter is that of all curves of the problem."""
    return f"{POINTS * row['floor']:.1f}{'*' * row['floor_borrowed']}" if math.isfinite(row["floor"]) else "–"


def _format_fall(row: Mapping[Any, Any]) -> str:
    """Format a fall in points with its interval; a dash for a plateau too short to tell."""
    mean, low, high = (f"{POINTS * row[name]:.1f}".replace("-", "−") for name in ("fall", "fall_lo", "fall_hi"))
    return f"{mean} ({low} to {high})" if math.isfinite(row["fall"]) else "–"
