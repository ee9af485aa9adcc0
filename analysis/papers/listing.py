"""For every figure and table of the papers: whether it can be drawn from some runs, and what else it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analysis.papers.catalogue import FIGURES
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.sweep import Sweep, name_sweeps

DRAWABLE, NO_DATA, NO_MEASURE, COMMAND, NOTHING = (
    "drawable", "no data", "no measure yet", "another command", "nothing to draw",
)  # fmt: skip


class Listed(NamedTuple):
    """One line of the list."""

    name: str
    title: str
    status: str
    lack: str  # what the runs, or the measures, lack; empty for what can be drawn
    source: str  # from which runs it can be drawn, or what gives the data


def list_figures(sweeps: Sequence[Sweep]) -> Iterator[Listed]:
    """Yield a line for each figure and table, in the order of the papers."""
    names = dict(zip(map(id, sweeps), name_sweeps(sweeps), strict=True))
    for row in FIGURES.values():
        yield Listed(row.name, row.title, *_judge(row, sweeps, names))


def _judge(row: PaperFigure, sweeps: Sequence[Sweep], names: dict[int, str]) -> tuple[str, str, str]:
    """Return the status of a figure, what it lacks, and where it comes from."""
    if row.command:
        return COMMAND, "", f"{row.command} prints it; {row.recipe}"
    if row.lacks:
        return (NO_MEASURE, f"lacks {row.lacks}", row.recipe) if row.study else (NOTHING, row.lacks, "")
    usable, lack = find_usable(row, sweeps)
    if usable:
        without = f"; without {row.without}" if row.without else ""
        return DRAWABLE, "", f"from {', '.join(names[id(sweep)] for sweep in usable)}{without}"
    return NO_DATA, f"lacks {lack}" if sweeps else "", row.recipe
