"""All figures and tables of the papers, by name."""

from __future__ import annotations

import re

from analysis.exceptions import SweepError
from analysis.papers import gairat, hard, profiling
from analysis.papers.row import PaperFigure
from trainers.formatting import did_you_mean, format_list

FIGURES: dict[str, PaperFigure] = {row.name: row for paper in (hard, gairat, profiling) for row in paper.FIGURES}


def number_of(name: str) -> str:
    """Return the figure that a panel belongs to: hard:F1 for hard:F1a."""
    return re.sub(r"[a-z]$", "", name)


def find_figure(name: str) -> PaperFigure:
    """Return the row of a figure. Raises SweepError if there is none with this name."""
    if name in FIGURES:
        return FIGURES[name]
    panels = [known for known in FIGURES if number_of(known) == name]
    if panels:
        raise SweepError(f"--figure {name}: it is drawn a panel at a time; take {format_list(panels)}")
    hint = did_you_mean(name, FIGURES) or "; --list names all"
    raise SweepError(f"--figure {name}: no figure or table of the papers has this name{hint}")
