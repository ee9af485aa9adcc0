"""Draw a figure of a paper, or a diagnostic, by name from the records of sweeps: `python -m analysis.figure --list`."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from analysis.charts.saving import WIDTH, parse_image, parse_width
from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.papers.catalogue import FIGURES, find_figure, is_of_paper, number_of
from analysis.papers.drawing import DrawnFigure, draw_paper_figure
from analysis.papers.listing import DRAWABLE, Listed, list_figures
from analysis.papers.overview import count_drawable, print_overview
from analysis.papers.row import PaperFigure
from analysis.papers.table_text import render_markdown, render_points
from analysis.results.sweep import Sweep, name_sweeps, open_sweeps
from trainers.formatting import did_you_mean, format_count
from trainers.record_io import write_atomic
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit

TEXTS = {".csv": render_points, ".md": render_markdown}


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a figure of a paper from some sweeps, or list which figures they have the data for."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    word = options.list
    if word and Path(word).is_dir():  # `--list RUN`
        word, options.run = "", [Path(word), *options.run]
    if (word is not None) == bool(options.figure):
        parser.error("give --figure NAME with -o FILE to draw, or --list to see what can be drawn")
    if options.all and word is None:
        parser.error("--all needs --list")
    if options.figure and not options.output:
        parser.error("--figure needs -o FILE, such as -o figure.pdf")
    if options.figure and not options.run:
        parser.error("--figure needs a run, a sweep's folder such as results/friendly_k")
    row = None if word is not None else find_figure(options.figure)
    with open_sweeps(options.run) as sweeps:
        if row is None:
            _print_list(sweeps, word, options.all)
        else:
            drawn = draw_paper_figure(row, sweeps, _group_labels(options.where), options.width)
            _write(drawn, options.output)
            kind = "Table" if options.output.suffix in TEXTS else "Figure"
            Console().print(f"{drawn.spec.caption}\n{kind}: {options.output}", soft_wrap=True)
    return 0


def _build_parser() -> Parser:
    parser = Parser(
        prog="python -m analysis.figure",
        description="Draw a figure or table of the papers by name from the records of sweeps.",
    )
    parser.add_argument("run", nargs="*", type=Path, help="a sweep's folder, such as results/gairat_lambda")
    parser.add_argument("--figure", metavar="NAME", help="the name of a figure or table, such as gairat:F13")
    parser.add_argument(
        "-o", "--output", type=partial(parse_image, more=tuple(TEXTS)), metavar="FILE",
        help="file to write: .png, .svg or .pdf, or its points as .csv or .md",
    )  # fmt: skip
    parser.add_argument(
        "--list", nargs="?", const="", metavar="WORD",
        help="list what can be drawn from the runs, and the others by reason; WORD keeps those whose name or title "
        "contains it, and says what the runs lack for each",
    )  # fmt: skip
    parser.add_argument(
        "--all", action="store_true", help="with --list: say for every figure what the runs lack, and what gives it"
    )
    parser.add_argument(
        "--where", action="append", default=[], type=_parse_where, metavar="AXIS=VALUE",
        help="keep only trials with this value of an axis; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figure in inches (default: %(default)s)"
    )
    return parser


def _parse_where(text: str) -> tuple[str, str]:
    axis, equals, label = text.partition("=")
    if not axis or not equals or not label:
        raise argparse.ArgumentTypeError(f"{text}: expected AXIS=VALUE, such as label_noise=0.1")
    return axis, label


def _group_labels(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for axis, label in pairs:
        found.setdefault(axis, []).append(label)
    return found


def _write(drawn: DrawnFigure, path: Path) -> None:
    if path.suffix in TEXTS:
        write_atomic(path, TEXTS[path.suffix](drawn).encode())
    else:
        drawn.spec.chart.save(path)


def _print_list(sweeps: Sequence[Sweep], word: str, everything: bool) -> None:
    """Print what can be drawn from some runs and, by reason, what cannot.

    With a word, print in full the figures whose name, which begins with the paper, or whose title contains it; with
    `everything` or without runs, print all of them in full. Raises SweepError if no name or title contains the word.
    """
    console, runs = Console(), format_count(len(sweeps), "run")
    listed = list(list_figures(sweeps, _select_rows(word)))
    if word:
        _print_lines(console, listed)
        counted = count_drawable(listed, f"figures, tables and diagnostics with {word!r}")
        console.print_paragraph(f"{counted} can be drawn from {runs}.")
    elif everything or not sweeps:
        _print_all(console, listed, runs)
    else:
        print_overview(console, listed, name_sweeps(sweeps))


def _print_all(console: Console, listed: Sequence[Listed], runs: str) -> None:
    """Print in full the figures of the papers and then the diagnostics, each with a line of sums."""
    papers = [line for line in listed if is_of_paper(line.name)]
    diagnostics = [line for line in listed if not is_of_paper(line.name)]
    figures = len({number_of(line.name) for line in papers})
    _print_lines(console, papers)
    console.print_paragraph(
        f"{count_drawable(papers, 'panels and tables')}, of {figures} figures and tables in the papers, can be drawn "
        f"from {runs}; {_count_rest(papers)}."
    )
    console.print("\nDiagnostics, which belong to no paper:")
    _print_lines(console, diagnostics)
    console.print_paragraph(f"{count_drawable(diagnostics, 'diagnostics')} can be drawn from {runs}.")


def _select_rows(word: str) -> list[PaperFigure]:
    """Select the figures and tables whose name or title contains a word. Raises SweepError if none does."""
    rows = list(FIGURES.values())
    found = [row for row in rows if word.casefold() in f"{row.name}\n{row.title}".casefold()]
    if not found:
        words = [part for row in rows for part in (row.name, *re.findall(r"\w+", row.title))]
        raise SweepError(
            f"--list {word}: none of the {len(rows)} names and titles contains it{did_you_mean(word, words)}"
        )
    return found


def _print_lines(console: Console, listed: Sequence[Listed]) -> None:
    """Print for each figure its name and title, and below these from which runs it is drawn, or what gives it."""
    for line in listed:
        console.print("\n".join(line.lines), soft_wrap=True)


def _count_rest(listed: Sequence[Listed]) -> str:
    counts = Counter(line.status for line in listed if line.status != DRAWABLE)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


if __name__ == "__main__":
    run_and_exit(main)
