"""Cells and columns that the tables of a page share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.measures.stats import Estimate
from analysis.report.data import ReportData
from analysis.results.metrics import (
    parse_attack,
    shorten_attack,
)


def drop_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Drop the columns of a table that have no text."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows if len(row) > 1)]
    return [header[i] for i in kept], [[row[i] for i in kept] if len(row) > 1 else [*row] for row in rows]


def name_attack(found: ReportData) -> str:
    """Name the strongest attack, for the title of a column."""
    return shorten_attack(parse_attack(found.robust or "") or "", found.results.attacks)


def format_estimate(row: Mapping[Any, Any], column: str) -> str:
    """Format a mean with its standard error, from a row with `<column>`, `<column>_se` and `n`."""
    return Estimate(row[column], row[f"{column}_se"], row["n"]).text()


def format_number(value: float) -> str:
    """Format a count, or a mean of counts, to four digits; a dash if it is unknown."""
    return "–" if math.isnan(value) else f"{value:.4g}" if value < 1000 else f"{value:.0f}"
