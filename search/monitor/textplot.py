"""A scatter plot in text. One cell a glyph: the libraries that draw in terminals keep a global figure and read the
terminal, and this is drawn anew every second, also where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from rich.text import Text

GUTTER = 7  # columns left of the plot
FOOT = 2  # lines below it
MARK, OTHER = "●", "·"
LEAST = 0.002  # that an axis spans, so that equal values stand in its middle
FEW, REACH = 8, 4  # of fewer dots none is an outlier; so many times the lower quarter's width below it is one


class Dot(NamedTuple):
    """A point, both coordinates in [0, 1] and shown in percent."""

    x: float
    y: float
    marked: bool


class Range(NamedTuple):
    """What an axis spans."""

    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float], marked: Sequence[float]) -> Range:
        """From the lowest value that is no outlier; all that are marked are within."""
        low, high = min(values), max(values)
        if len(values) >= FEW:
            quarter, half, _ = quantiles(values, n=4)
            fence = quarter - REACH * (half - quarter)
            low = min([value for value in values if value >= fence] + list(marked))
        return Range(low, high) if high - low > LEAST else Range(low - LEAST / 2, high + LEAST / 2)

    def cell(self, value: float, cells: int) -> int:
        """In which of so many cells a value lies; the ends of the range are the middles of the outermost."""
        return max(round((value - self.low) / (self.high - self.low) * (cells - 1)), 0)


def scatter(dots: Sequence[Dot], width: int, height: int, across: str, up: str) -> list[Text]:
    """Lines of a plot, marked dots above others; at least a dot, 24 columns and 6 lines."""
    columns, rows = width - GUTTER, height - FOOT
    x, y = _ranges(dots)
    grid = [[" "] * columns for _ in range(rows)]
    for dot in sorted(dots, key=lambda dot: dot.marked):
        grid[rows - 1 - y.cell(dot.y, rows)][x.cell(dot.x, columns)] = MARK if dot.marked else OTHER
    ticks = {0: f"{100 * y.high:.1f}", rows // 2: up, rows - 1: f"{100 * y.low:.1f}"}
    lines = [_line(ticks.get(i, ""), row) for i, row in enumerate(grid)]
    lines.append(Text(" " * (GUTTER - 1) + "└" + "─" * columns, style="dim"))
    left, right = f"{100 * x.low:.1f}", f"{100 * x.high:.1f}"
    middle = across.center(columns - len(left) - len(right))[: columns - len(left) - len(right)]
    lines.append(Text(" " * GUTTER + left + middle + right, style="dim"))
    return lines


def beyond(dots: Sequence[Dot]) -> int:
    """How many dots are so far below the others that they are drawn at the edge."""
    x, y = _ranges(dots)
    return sum(dot.x < x.low or dot.y < y.low for dot in dots)


def _ranges(dots: Sequence[Dot]) -> tuple[Range, Range]:
    marked = [dot for dot in dots if dot.marked]
    x = Range.of([dot.x for dot in dots], [dot.x for dot in marked])
    return x, Range.of([dot.y for dot in dots], [dot.y for dot in marked])


def _line(tick: str, row: list[str]) -> Text:
    line = Text(f"{tick[: GUTTER - 2]:>{GUTTER - 2}} ", style="dim")
    line.append("┤" if tick else "│")
    line.append("".join(row), style="default not dim")
    line.highlight_regex(MARK, "bold green")
    return line
