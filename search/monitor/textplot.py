"""A scatter plot in text, one character a dot.

The libraries that draw in terminals keep a global figure and query the terminal. This plot is drawn anew every second,
also where there is no terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from rich.text import Text

GUTTER = 7  # columns left of the plot
FOOT = 2  # lines below the plot
MARK, OTHER = "●", "·"
MIN_SPAN = 0.002  # of an axis, so that equal values stand in its middle
MIN_DOTS = 8  # with fewer dots none is an outlier
FENCE_FACTOR = 4  # a dot is an outlier if it lies this many times the width of the lower quarter below that quarter


class Dot(NamedTuple):
    """A point, both coordinates in [0, 1] and shown in percent."""

    x: float
    y: float
    marked: bool


class AxisRange(NamedTuple):
    """The range of an axis."""

    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float], marked: Sequence[float]) -> AxisRange:
        """Return the range from the lowest value that is no outlier to the highest; it includes all marked values."""
        low, high = min(values), max(values)
        if len(values) >= MIN_DOTS:
            quarter, half, _ = quantiles(values, n=4)
            fence = quarter - FENCE_FACTOR * (half - quarter)
            low = min([value for value in values if value >= fence] + list(marked))
        if high - low > MIN_SPAN:
            return AxisRange(low, high)
        return AxisRange(max(low - MIN_SPAN / 2, 0.0), min(high + MIN_SPAN / 2, 1.0))  # no accuracy is above 100 %

    def cell(self, value: float, cells: int) -> int:
        """Return the cell, of `cells` in a row, that a value lies in; the range ends in the middle of the outermost."""
        return max(round((value - self.low) / (self.high - self.low) * (cells - 1)), 0)


def draw_scatter(dots: Sequence[Dot], width: int, height: int, across: str, up: str) -> list[Text]:
    """Return the lines of a plot, marked dots drawn over others. It needs at least one dot, 24 columns and 6 lines."""
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


def count_outliers(dots: Sequence[Dot]) -> int:
    """Count the dots that lie so far below the others that they are drawn at the edge."""
    x, y = _ranges(dots)
    return sum(dot.x < x.low or dot.y < y.low for dot in dots)


def _ranges(dots: Sequence[Dot]) -> tuple[AxisRange, AxisRange]:
    marked = [dot for dot in dots if dot.marked]
    x = AxisRange.of([dot.x for dot in dots], [dot.x for dot in marked])
    return x, AxisRange.of([dot.y for dot in dots], [dot.y for dot in marked])


def _line(tick: str, row: list[str]) -> Text:
    line = Text(f"{tick[: GUTTER - 2]:>{GUTTER - 2}} ", style="dim")
    line.append("┤" if tick else "│")
    line.append("".join(row), style="default not dim")
    line.highlight_regex(MARK, "bold green")
    return line
