"""A table as a figure, and its cells as text: a row a line, a column a variant, means and standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from analysis.charts.chart import Chart
from analysis.charts.saving import WIDTH
from analysis.charts.text import NOTE_LETTERS_PER_INCH, NOTE_SIZE, wrap_parts
from analysis.measures.figure_table import TidyTable
from analysis.measures.stats import Estimate
from analysis.results.axes import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.19  # inches of a line of text
NOTE_ROW = 0.11  # inches of a line of a note
SIZE = 7.5  # points
LETTER = 0.056  # inches of a letter at this size
BOLD_LETTER = 0.075  # of a title, and some space
CELL = 11  # letters of "73.4 ± 10.2"


class TableRow(NamedTuple):
    """A row of a table: its panel and line, and a cell for each column."""

    panel: str
    line: str
    cells: list[str]

    @property
    def name(self) -> str:
        """The panel and the line."""
        return SEPARATOR.join(filter(None, (self.panel, self.line)))


def lay_out_cells(table: TidyTable) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns, and the rows: panel and line, then "73.4 ± 0.2" for each column."""
    columns, rows = _list_rows(table)
    return ["", *columns], [[row.name, *row.cells] for row in rows]


def _list_rows(table: TidyTable) -> tuple[list[str], list[TableRow]]:
    """Return the titles of the columns, and the rows of a table, those of a panel together."""
    points = table.points
    columns = list(dict.fromkeys(points["variant"]))
    cells = {
        (p["panel"], p["line"], p["variant"]): _write(
            p["mean"], p["hi"] - p["mean"], int(p["n"]), p["variant"] in table.plain
        )
        for p in points.to_dict("records")
    }
    keys = dict.fromkeys(zip(points["panel"], points["line"], strict=True))
    order = list(dict.fromkeys(points["panel"]))
    return columns, [
        TableRow(*key, [cells.get((*key, column), "–") for column in columns])
        for key in sorted(keys, key=lambda key: order.index(key[0]))
    ]


def _write(mean: float, se: float, n: int, plain: bool) -> str:
    """Write a mean and its standard error: a fraction in percent, a plain number to about three figures."""
    if not plain:
        return Estimate(mean, se, n).text()
    digits = 3 if mean < 1 else 2 if mean < 10 else 1 if mean < 100 else 0
    return f"{mean:.{digits}f} ± {se:.{digits}f}" if se > 0 else f"{mean:.{digits}f}"


def size_table(tables: Sequence[TidyTable], width: float = WIDTH, note: str = "") -> tuple[float, float]:
    """Return the size of the figure in inches; columns that do not fit are drawn below, as a further block."""
    lines = sum(len(block) for block in _blocks(tables, width))
    return width, 0.2 + ROW * lines + NOTE_ROW * len(_wrap_note(note, width))


def _wrap_note(note: str, width: float) -> list[str]:
    return wrap(note, int(NOTE_LETTERS_PER_INCH * width))


def draw_table(figure: Figure, tables: Sequence[TidyTable], note: str = "") -> None:
    """Write the cells, numbers right-aligned, and a note below them in small type."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.set_layout_engine("none")
    plot = figure.add_axes((0, 0, 1, 1))
    plot.set(xlim=(0, width), ylim=(height, 0))
    plot.axis("off")
    y = 0.1
    for block in _blocks(tables, width):
        for line in block:
            for x, text, side, weight in line:
                plot.text(x, y + ROW / 2, text, fontsize=SIZE, ha=side, va="center", weight=weight)
            y += ROW
    for text in _wrap_note(note, width):
        plot.text(0.05, y + NOTE_ROW / 2, text, fontsize=NOTE_SIZE, va="center")
        y += NOTE_ROW


Line = list[tuple[float, str, str, str]]  # (x in inches, text, alignment, weight)


def _blocks(tables: Sequence[TidyTable], width: float) -> list[list[Line]]:
    return [block for table in tables for block in _split(table, width)]


def _split(table: TidyTable, width: float) -> list[list[Line]]:
    """Lay a table out in blocks of as many columns as fit beside the names of the rows.

    The title of a panel stands above its rows; where each panel has one row, it is part of the name of that row.
    """
    titles, rows = _list_rows(table)
    headed = all(row.panel and row.line for row in rows) and len({row.panel for row in rows}) < len(rows)
    names = [row.line if headed else row.name for row in rows]
    name = min(max(map(len, names)) * LETTER + 0.1, 0.45 * width)
    longest = max((len(word) for title in titles for word in title.split()), default=0)
    fitting = max(1, int((width - name - 0.1) / max(CELL * LETTER + 0.08, longest * BOLD_LETTER)))
    step = (width - name - 0.1) / fitting
    blocks = []
    for start in range(0, len(titles), fitting):
        here = slice(start, start + fitting)
        heads = [_wrap(title, int(step / BOLD_LETTER)) for title in titles[here]]
        places = [name + step * (n + 1) for n in range(len(heads))]
        block: list[Line] = [
            [(x, head[n], "right", "bold") for x, head in zip(places, heads, strict=True) if n < len(head)]
            for n in range(max(map(len, heads)))
        ]
        panel = ""
        for row, words in zip(rows, names, strict=True):
            if headed and row.panel != panel:
                panel = row.panel
                title = wrap_parts(panel.split(SEPARATOR), int((width - 0.1) / BOLD_LETTER))
                block += [[(0.05, text, "left", "bold")] for text in title]
            parts = wrap_parts(words.split(SEPARATOR), max(8, int(name / LETTER)))
            numbers = [(x, text, "right", "normal") for x, text in zip(places, row.cells[here], strict=True)]
            block.append([(0.05, parts[0] if parts else "", "left", "normal"), *numbers])
            block += [[(0.15, more, "left", "normal")] for more in parts[1:]]
        blocks.append([*block, []])
    return blocks


def _wrap(title: str, letters: int) -> list[str]:
    return wrap_parts(title.split(SEPARATOR), max(6, letters)) or [""]


def plot_table(tables: Sequence[TidyTable], width: float = WIDTH, note: str = "") -> Chart:
    """Plot tidy tables as one table, with a note below."""
    return Chart(size_table(tables, width, note), partial(draw_table, tables=tables, note=note), note)
