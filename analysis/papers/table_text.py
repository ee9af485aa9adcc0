"""The points of a figure as CSV, and a paper's table as Markdown."""

from __future__ import annotations

import math

from analysis.charts.table import lay_out_cells
from analysis.measures.figure_table import TidyTable
from analysis.papers.drawing import DrawnFigure


def render_points(drawn: DrawnFigure) -> str:
    """Return the points as CSV: panel, line, variant, x, mean, lo, hi, n and the quantity; accuracies as fractions."""
    return drawn.points.to_csv(index=False)


def render_markdown(drawn: DrawnFigure) -> str:
    """Return a table as Markdown, or the points of a figure, with the caption below."""
    parts = []
    for table in drawn.tables:
        titles, rows = lay_out_cells(table) if drawn.is_table else _list_points(table)
        lines = [titles, ["---"] * len(titles), *rows]
        parts.append("\n".join(f"| {' | '.join(map(_escape, line))} |" for line in lines))
    return "\n\n".join([*parts, drawn.spec.caption]) + "\n"


def _list_points(table: TidyTable) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of the points, as text."""
    rows = [[_write(value) for value in row] for row in table.points.itertuples(index=False)]
    return list(map(str, table.points)), rows


def _escape(cell: str) -> str:
    return cell.replace("|", r"\|")


def _write(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)
