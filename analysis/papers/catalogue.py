"""All figures and tables of the papers, and the diagnostics beside them, by name."""

from __future__ import annotations

import re

from analysis.exceptions import SweepError
from analysis.papers import diagnostics, gairat, hard, profiling
from analysis.papers.row import PaperFigure
from trainers.formatting import did_you_mean, format_list

TABLES = (hard, gairat, profiling, diagnostics)
FIGURES: dict[str, PaperFigure] = {row.name: row for table in TABLES for row in table.FIGURES}


def is_of_paper(name: str) -> bool:
    """Return whether a row is a figure or table of a paper, not a diagnostic beside these."""
    return not name.startswith(f"{diagnostics.PREFIX}:")


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
    same = [known for known in FIGURES if name in (known.partition(":")[2], number_of(known.partition(":")[2]))]
    if same:
        raise SweepError(f"--figure {name}: say of which paper; take {format_list(same)}")
    hint = did_you_mean(name, FIGURES) or "; --list names all"
    raise SweepError(f"--figure {name}: no figure, table or diagnostic has this name{hint}")
