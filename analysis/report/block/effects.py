"""Families of paired differences in points, with their simultaneous intervals."""

from __future__ import annotations

import math
from typing import Any

from analysis.measures.families import Family
from analysis.measures.power import MOST_SEEDS
from analysis.measures.stats import POINTS
from analysis.report.block.json_text import POINT_DIGITS, round_number
from analysis.report.block.rows import Rows
from analysis.report.data import ReportData
from analysis.results.axes import SEPARATOR
from analysis.results.metrics import EPOCH_METRIC

TEXTS = ("setting", "family", "minuend", "subtrahend")
NUMBERS = ("mean", "se", "lo", "hi")


def build_effects(rows: Rows) -> list[dict[str, Any]]:
    """Build the families of all sweeps, in each that which answers its question first, but none of single seeds alone.

    `more` is how many further seeds would tell a difference: null if it is told or nothing is claimed, and 1,001 for
    more than 1,000.
    """
    found = []
    for place, report in enumerate(rows.reports):
        prefix = f"{rows.sweeps[place]}{SEPARATOR}" if len(rows.reports) > 1 else ""
        for family in _order_families(report):
            if family.rows.empty:
                continue
            built = _build_family(family, report.robust or EPOCH_METRIC, prefix)
            for row in built["rows"]:
                row["setting"] = rows.name_setting(place, row["setting"])
            found.append(built | {"sweep": place})
    return found


def _order_families(report: ReportData) -> list[Family]:
    answering = report.answering
    return [*([answering] if answering else []), *(family for family in report.families if family is not answering)]


def _build_family(family: Family, metric: str, prefix: str) -> dict[str, Any]:
    return {
        "family": f"{prefix}{family.axis}: {family.title}",
        "title": f"{prefix}{family.title}",
        "metric": metric,
        "m": len(family.rows),
        "single": family.single,
        "df": family.freedom,
        "sd": round_number(POINTS * family.sd, POINT_DIGITS),
        "q": round_number(family.quantile, POINT_DIGITS),
        "one_point": _count_seeds(family.one_point),
        "rows": [
            {name: row[name] for name in TEXTS}
            | {name: round_number(POINTS * row[name], POINT_DIGITS) for name in NUMBERS}
            | {"n": int(row["n"]), "told": bool(row["told"]), "more": _count_seeds(row["more"])}
            for row in family.rows.to_dict("records")
        ],
    }


def _count_seeds(more: float) -> int | None:
    if math.isnan(more):
        return None
    return int(more) if math.isfinite(more) else MOST_SEEDS + 1
