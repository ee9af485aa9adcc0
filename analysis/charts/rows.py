"""Layout of figures with a row per configuration: names above marks, problems as headings, pages that fit on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.charts.saving import WIDTH
from analysis.charts.text import ROW_LETTERS_PER_INCH, wrap_parts
from analysis.results.axes import SEPARATOR
from analysis.results.page_cut import PAGE_ROWS

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

ROW_HEIGHT = 0.42  # inches, of a row with a name of one line
LINE_HEIGHT = 0.34  # of a row, for a line of its name
MARK_GAP = 0.28  # of a row, from its name down to its marks
ROW_GAP = 0.36  # of a row, below its marks
HEADING_HEIGHT = 0.6  # of a row
AXIS_HEIGHT = 0.75  # inches, below the rows


class Rows(NamedTuple):
    """The positions of the rows of a figure, in rows from its top."""

    names: list[str]  # wrapped to lines
    marks: np.ndarray  # (n,)
    headings: dict[float, str]  # position -> name of a problem
    height: float


def lay_out_rows(names: Sequence[str], settings: Sequence[str], width: float) -> Rows:
    """Lay rows out from top to bottom. Rows of a setting are consecutive; its name, if any, is their heading."""
    most, cursor, headings, marks, broken = int(ROW_LETTERS_PER_INCH * (width - 0.3)), 0.0, {}, [], []
    for place, name in enumerate(names):
        if settings[place] and (place == 0 or settings[place] != settings[place - 1]):
            headings[cursor + HEADING_HEIGHT - 0.1] = settings[place]
            cursor += HEADING_HEIGHT
        lines = wrap_parts(name.split(SEPARATOR), most) or [""]
        broken.append("\n".join(lines))
        marks.append(cursor + LINE_HEIGHT * len(lines) + MARK_GAP)
        cursor = marks[-1] + ROW_GAP
    return Rows(broken, np.array(marks), headings, cursor)


def size_rows(names: Sequence[str], settings: Sequence[str], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of a figure of rows in inches."""
    return width, AXIS_HEIGHT + ROW_HEIGHT * lay_out_rows(names, settings, width).height


def split_pages(settings: Sequence[str], most: int = PAGE_ROWS) -> list[range]:
    """Return the rows of each page. A page has whole settings; a setting longer than a page is split evenly."""
    starts = [place for place in range(len(settings)) if place == 0 or settings[place] != settings[place - 1]]
    found: list[range] = []
    for start, stop in zip(starts, [*starts[1:], len(settings)], strict=True):
        if found and stop - found[-1].start <= most:
            found[-1] = range(found[-1].start, stop)
            continue
        parts = np.array_split(np.arange(start, stop), -(-(stop - start) // most))
        found += [range(int(part[0]), int(part[-1]) + 1) for part in parts]
    return found


def write_rows(plot: Plot, layout: Rows) -> None:
    """Write the name of each row above its marks, from the top down, and a heading above the rows of each problem."""
    plot.set(ylim=(layout.height, 0.0), yticks=[])
    plot.spines["left"].set_visible(False)
    for name, mark in zip(layout.names, layout.marks, strict=True):
        _write_name(plot, name, mark - MARK_GAP + 0.05, "normal")
    for height, name in layout.headings.items():
        _write_name(plot, name, height, "bold")


def draw_upright(plot: Plot, layout: Rows, at: float, colour: str = "0.5") -> None:
    """Draw a vertical line at the marks of each row that does not cross the names."""
    plot.vlines(
        np.full(len(layout.marks), at), layout.marks - 0.25, layout.marks + ROW_GAP, color=colour, lw=1, zorder=1
    )


def _write_name(plot: Plot, text: str, height: float, weight: str) -> None:
    written = plot.annotate(
        text, (0, height), xycoords=("axes fraction", "data"), fontsize=8, weight=weight, va="bottom", linespacing=1.0,
        annotation_clip=False, bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )  # fmt: skip
    written.set_in_layout(False)  # a name wider than its panel must not narrow the panel
