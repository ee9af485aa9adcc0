"""Tables of all commands: headers on one line where the terminal has room for them, else on two."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len
from rich.measure import Measurement
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from trainers.terminal.console import Console

TITLE = Style(italic=True)
UNLIMITED = 10_000  # columns


def print_table(console: Console, table: Table) -> None:
    """Print a table below its title, which may be wider.

    If the table is wider than the console, its headers are broken in two, and then its columns put closer together.
    """
    if table.title:
        console.print(table.title, style=TITLE)
        table.title = None
    if measure_width(console, table) > console.width:
        for column in table.columns:
            column.header = break_in_two(str(column.header), _measure_cells(column))
    table.collapse_padding = measure_width(console, table) > console.width  # one space between columns, not two
    console.print(table)


def measure_width(console: Console, table: Table) -> int:
    """Return the columns that a table takes if nothing in it is broken."""
    return Measurement.get(console, console.options.update(width=UNLIMITED), table).maximum


def break_in_two(header: str, width: int) -> str:
    """Break a header between words into at most two lines, as short as possible but not shorter than `width`."""
    lines = (wrap(header, n, break_long_words=False) for n in range(max(width, 1), len(header) + width + 1))
    return "\n".join(next(found for found in lines if len(found) < 3))


def _measure_cells(column: Column) -> int:
    texts = (cell.plain if isinstance(cell, Text) else str(cell) for cell in column._cells)
    return max((cell_len(line) for text in texts for line in text.splitlines()), default=0)
