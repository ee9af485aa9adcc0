"""The rows of a long table, or the panels of a figure, that a page has room for, and in words what it leaves out.

Measures compute all rows and charts draw what they are given: a page cuts once, by these functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PAGE_ROWS = 18  # that fit one sheet of paper at full size
MAX_ROWS = 2 * PAGE_ROWS  # of a figure on several sheets
MAX_TABLE_ROWS = 60
MAX_PANELS = 8  # of a figure: four rows of two, a sheet of paper


class PageCut(NamedTuple):
    """The places of the rows that a page shows, and how many there are."""

    rows: list[int]
    total: int

    @property
    def left_out(self) -> int:
        """The number of rows that the page does not show."""
        return self.total - len(self.rows)

    def describe(self, noun: str, which: str, table: str) -> str:
        """Say which rows the page shows and where all are, as a sentence; empty if it shows all."""
        shown = f"{len(self.rows)} of {self.total} {noun} ({which})"
        return f"Shown are {shown}; tables/{table}.csv has all." if self.left_out else ""


def cut_in_turn(problems: Sequence[str], most: int, order: Sequence[int] | None = None) -> PageCut:
    """Keep at most `most` rows, taking problems in turn, in their order.

    Within a problem the first rows are kept, or the first by `order`.
    """
    turns: dict[str, int] = {}
    keys = []
    for place in order if order is not None else range(len(problems)):
        turns[problems[place]] = turns.get(problems[place], -1) + 1
        keys.append((turns[problems[place]], place))
    return PageCut(sorted(place for _, place in sorted(keys)[:most]), len(problems))


def cut_each(
    problems: Sequence[str], most: int, order: Sequence[int] | None = None, methods: Sequence[str] | None = None
) -> PageCut:
    """Keep at most `most` rows of each problem, in their order: the first, or the first by `order`.

    With `methods`, those of a problem are taken in turn.
    """
    places = order if order is not None else range(len(problems))
    rows: list[int] = []
    for problem in dict.fromkeys(problems):
        here = [place for place in places if problems[place] == problem]
        turns = [methods[place] if methods else "" for place in here]
        rows += [here[n] for n in cut_in_turn(turns, most).rows]
    return PageCut(sorted(rows), len(problems))


def cut_end(count: int, most: int = MAX_TABLE_ROWS) -> PageCut:
    """Keep the first rows."""
    return PageCut(list(range(min(count, most))), count)
