"""Tables of numbers with a row and a column for each configuration, in blocks that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

import numpy as np
import pandas as pd
from rich.table import Table

NUMBER = 6  # columns of a number, "−0.123"
NAME = 34  # columns of a name; a longer one is broken where it would take more than a third of the terminal


def lay_out_blocks(table: pd.DataFrame, width: int) -> Iterator[Table]:
    """Lay out a table of numbers in blocks of `width` columns: a row by number and name, a column by either.

    If the rows are the columns, every number stands twice, and only the half below the diagonal is laid out.
    """
    names, heads = list(map(str, table.index)), list(map(str, table.columns))
    square = names == heads
    titles = [str(number) for number in range(1, len(heads) + 1)] if square else heads
    cell = 2 + max([NUMBER, *map(len, titles)])
    values = table.to_numpy(float)
    name_width = max(NAME, width // 3)
    count = max(1, (width - min(name_width, max(map(len, names), default=0)) - 4) // cell)
    for start in range(0, len(table.columns), count):
        shown = range(start, min(start + count, len(table.columns)))
        block = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("", "configuration"):
            block.add_column(title, overflow="fold", justify="left" if title else "right")
        for column in shown:
            block.add_column(titles[column], justify="right", no_wrap=True)
        for row in range(start if square else 0, len(table)):
            cells = [_cell(values[row, column]) if row >= column or not square else "" for column in shown]
            block.add_row(str(row + 1), "\n".join(wrap(names[row], name_width)), *cells)
        yield block


def _cell(value: float) -> str:
    return f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "–"
