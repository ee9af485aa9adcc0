"""For every figure and table of the papers: whether it can be drawn from some runs, and what else it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analysis.papers.catalogue import FIGURES
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.sweep import Sweep, name_sweeps

DRAWABLE, NO_DATA, NO_MEASURE, NOTHING = "drawable", "without data", "without a measure", "not to be drawn"


class Listed(NamedTuple):
    """A figure or table in the list."""

    name: str
    title: str
    status: str
    why: str  # from which runs it can be drawn, or what they or the measures lack; empty if there are no runs
    commands: tuple[str, ...] = ()  # that give the data
    runs: tuple[str, ...] = ()  # that it can be drawn from
    without: str = ""  # panels or columns of the paper that it does not have
    lack: str = ""  # what the runs lack
    studies: str = ""  # those that the commands run

    @property
    def lines(self) -> list[str]:
        """Return the lines of the list: the name and title, then what it needs, then the commands that give it."""
        return [f"{self.name} · {self.title}", *(f"    {line}" for line in (self.why, *self.commands) if line)]


def list_figures(sweeps: Sequence[Sweep], rows: Iterable[PaperFigure] = FIGURES.values()) -> Iterator[Listed]:
    """Yield a line for each of these figures and tables; by default for all, in the order of the papers."""
    names = dict(zip(map(id, sweeps), name_sweeps(sweeps), strict=True))
    for row in rows:
        yield _judge(row, sweeps, names)


def _judge(row: PaperFigure, sweeps: Sequence[Sweep], names: dict[int, str]) -> Listed:
    """Say whether a figure can be drawn, and else what is missing and the commands that give it."""
    if row.lacks:
        no_measure = f"there is no measure of it yet: {row.lacks}"
        status, why = (NO_MEASURE, no_measure) if row.study else (NOTHING, row.lacks)
        return Listed(row.name, row.title, status, why)
    usable, lack = find_usable(row, sweeps)
    if usable:
        runs = tuple(names[id(sweep)] for sweep in usable)
        without = f", without {row.without}" if row.without else ""
        why = f"drawable from {', '.join(runs)}{without}"
        return Listed(row.name, row.title, DRAWABLE, why, runs=runs, without=row.without)
    these = "this run lacks" if len(sweeps) == 1 else "these runs lack"
    why = f"{these} {lack}; what gives it:" if sweeps else ""
    studies = " and ".join(row.study.split(", "))
    return Listed(row.name, row.title, NO_DATA, why, row.commands, lack=lack, studies=studies)
