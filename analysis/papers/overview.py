"""Show at a glance which figures and tables can be drawn from some runs; the others are grouped by what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from analysis.papers.catalogue import is_of_paper, number_of
from analysis.papers.listing import DRAWABLE, NO_DATA, Listed
from trainers.formatting import format_count, format_list
from trainers.terminal.console import Console

INDENT = "  "
MORE = 2 * INDENT  # before the further lines of an entry
SETTABLE = "(--set "  # in a lack that the same study fills with a further option
HELP = "`--list WORD` says what those lack whose name or title contains the word, `--list --all` what all do"


def print_overview(console: Console, listed: Sequence[Listed], runs: Sequence[str]) -> None:
    """Print each figure and diagnostic that can be drawn from some runs, and below these the names of the others."""
    papers = [line for line in listed if is_of_paper(line.name)]
    diagnostics = [line for line in listed if not is_of_paper(line.name)]
    figures = len({number_of(line.name) for line in papers})
    of_papers = f"panels and tables, of {figures} figures and tables in the papers,"
    _print_drawable(console, papers, of_papers, runs)
    _print_drawable(console, diagnostics, "diagnostics, which belong to no paper,", runs)
    _print_rest(console, [line for line in listed if line.status != DRAWABLE])


def count_drawable(listed: Sequence[Listed], noun: str) -> str:
    """Write how many of some figures can be drawn, such as "3 of 7 diagnostics"."""
    return f"{sum(line.status == DRAWABLE for line in listed)} of {len(listed)} {noun}"


def _print_drawable(console: Console, listed: Sequence[Listed], noun: str, runs: Sequence[str]) -> None:
    """Print how many can be drawn, and the name and title of each; of several runs, also from which."""
    drawable = [line for line in listed if line.status == DRAWABLE]
    end = ":" if drawable else "."
    console.print_paragraph(f"{count_drawable(listed, noun)} can be drawn from {format_list(runs, 3)}{end}")
    for line in drawable:
        source = f", from {', '.join(line.runs)}" if len(runs) > 1 else ""
        without = f", without {line.without}" if line.without else ""
        console.print_paragraph(f"{line.name} · {line.title}{source}{without}", INDENT, MORE)
    console.print("")


def _print_rest(console: Console, listed: Sequence[Listed]) -> None:
    """Print the names of the figures that cannot be drawn, by the reason."""
    if not listed:
        return
    console.print_paragraph(f"{format_count(len(listed), 'other')} cannot. {HELP}.")
    lacking = [line for line in listed if line.status == NO_DATA]
    recorded = [line for line in lacking if SETTABLE in line.lack]
    if recorded:
        console.print(f"Need more recorded, by an option of search.run ({len(recorded)}):")
        for lack, names in _group((line.lack, line.name) for line in recorded):
            console.print_paragraph(f"{lack}: {_join_names(names)}", INDENT, MORE)
    others = [line for line in lacking if line not in recorded]
    if others:
        console.print(f"Need the trials of other studies ({len(others)}):")
        groups = _group((line.studies, line.name) for line in others)
        texts = [f"{studies} ({_join_names(names)})" for studies, names in groups]
        console.print_paragraph(", ".join(texts), INDENT, INDENT)
    for status, names in _group((line.status, line.name) for line in listed if line.status != NO_DATA):
        console.print_paragraph(f"{status.capitalize()} ({len(names)}): {_join_names(names)}", "", INDENT)


def _group(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group names by their reason; the reason with the most names comes first."""
    found: dict[str, list[str]] = {}
    for reason, name in pairs:
        found.setdefault(reason, []).append(name)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def _join_names(names: Iterable[str]) -> str:
    """Join names of figures, each paper named once: "hard:F1a, F2, gairat:F3"."""
    parts = [(paper, figure) for paper, _, figure in (name.partition(":") for name in names)]
    groups = groupby(parts, key=lambda part: part[0])
    return ", ".join(f"{paper}:{', '.join(figure for _, figure in group)}" for paper, group in groups)
