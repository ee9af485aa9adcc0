"""Figures with a row a configuration: names above marks, problems as headings, and pages that fit on paper."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.axes import SEPARATOR
from analysis.figures import SMALL_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

ROW = 0.42  # inches of a row whose name takes one line
PAGE = 18  # rows that stand on one sheet of paper at full size
MOST = 4 * PAGE  # rows that are drawn; the tables have them all
LINE, MARK, END, HEADING = (
    0.34,
    0.28,
    0.36,
    0.6,
)  # of a row: a line of its name, down to its marks, below them; a heading


class Rows(NamedTuple):
    """Where the rows of a figure are, in rows from its top."""

    names: list[str]  # broken into lines
    marks: np.ndarray  # (n,)
    headings: dict[float, str]  # its height -> a problem's name
    height: float


def rows(names: Sequence[str], settings: Sequence[str], width: float) -> Rows:
    """Lay rows out below each other; those of one setting follow each other and stand below its name, if it has one."""
    most, cursor, headings, marks, broken = int(SMALL_PER_INCH * (width - 0.3)), 0.0, {}, [], []
    for place, name in enumerate(names):
        if settings[place] and (place == 0 or settings[place] != settings[place - 1]):
            headings[cursor + HEADING - 0.1] = settings[place]
            cursor += HEADING
        lines = _lines(name, most)
        broken.append("\n".join(lines))
        marks.append(cursor + LINE * len(lines) + MARK)
        cursor = marks[-1] + END
    return Rows(broken, np.array(marks), headings, cursor)


def pages(settings: Sequence[str], most: int = PAGE) -> list[slice]:
    """The rows of each page, in order: settings stand whole together, and one that is longer than a page by itself."""
    starts = [place for place in range(len(settings)) if place == 0 or settings[place] != settings[place - 1]]
    found: list[slice] = []
    for start, stop in zip(starts, [*starts[1:], len(settings)], strict=True):
        if found and stop - found[-1].start <= most:
            found[-1] = slice(found[-1].start, stop)
            continue
        parts = np.array_split(np.arange(start, stop), -(-(stop - start) // most))
        found += [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
    return found


def in_turn(settings: Sequence[str], most: int, order: Sequence[int] | None = None) -> list[int]:
    """So many rows at most, in their order, the settings in turn; within one the first, or the first by `order`."""
    turns: dict[str, int] = {}
    keys = []
    for place in order if order is not None else range(len(settings)):
        turns[settings[place]] = turns.get(settings[place], -1) + 1
        keys.append((turns[settings[place]], place))
    return sorted(place for _, place in sorted(keys)[:most])


def write_rows(plot: Plot, layout: Rows) -> None:
    """Write each row's name above its marks, read from the top, and headings above the rows of a problem."""
    plot.set(ylim=(layout.height, 0.0), yticks=[])
    plot.spines["left"].set_visible(False)
    for name, mark in zip(layout.names, layout.marks, strict=True):
        _write(plot, name, mark - MARK + 0.05, "normal")
    for height, name in layout.headings.items():
        _write(plot, name, height, "bold")


def upright(plot: Plot, layout: Rows, at: float, colour: str = "0.5") -> None:
    """A vertical line beside the marks of each row, that leaves the names free."""
    plot.vlines(np.full(len(layout.marks), at), layout.marks - 0.25, layout.marks + END, color=colour, lw=1, zorder=1)


def _write(plot: Plot, text: str, height: float, weight: str) -> None:
    written = plot.annotate(
        text, (0, height), xycoords=("axes fraction", "data"), fontsize=8, weight=weight, va="bottom", linespacing=1.0,
        annotation_clip=False, bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )  # fmt: skip
    written.set_in_layout(False)  # it may be wider than its panel, which is no reason to narrow that


def _lines(name: str, most: int) -> list[str]:
    """A name in lines, broken where its parts meet, and inside a part only where that is longer."""
    lines: list[str] = []
    for part in name.split(SEPARATOR):
        joined = SEPARATOR.join([*lines[-1:], part])
        if lines and len(joined) <= most:
            lines[-1] = joined
        else:
            lines += wrap(part, most) or [part]
    return lines
