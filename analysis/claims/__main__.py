"""Judge claims by the records of sweeps: holds, fails, or cannot say at this number of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analysis.claims.judging import Judgement, Unjudged, judge_claims, list_other_runs
from analysis.claims.reading import read_claims, read_paper_claims
from analysis.claims.tables import (
    HEADER,
    METHOD,
    CheckRows,
    ClaimRows,
    count_verdicts,
    describe_run,
    group_lacks,
    lay_out,
    list_lacks,
    list_remedies,
    render_markdown,
)
from analysis.cli import report_errors
from analysis.results.sweep import Sweep, open_sweeps
from trainers.formatting import format_count
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.text import escape_controls

LABEL, NUMBERS, EXPECTED, PAPER = 11, 23, 9, 6  # widths of columns; longer texts are folded
INDENT = "  "
OTHER_RUNS = (
    "These claims are about studies by name: a run is of the study whose name its space, or the run, has or begins "
    "with, as friendly_k_short is of friendly_k. Of none of them"
)
OWN = "Your own claims may be about any run: --claims FILE."


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the verdicts on the claims that some runs have the data for, and what they lack for the others."""
    parser = Parser(prog="python -m analysis.claims", description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/gairat_lambda")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="YAML file of claims instead of the papers' 62")
    parser.add_argument("--format", choices=("text", "markdown"), default="text", help="(default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="say for each claim without data which command trains it")
    options = parser.parse_args(arguments)
    claims = read_claims(options.claims) if options.claims else read_paper_claims()
    with open_sweeps(options.run) as sweeps:
        judged, unjudged = judge_claims(claims, sweeps)
        if options.format == "markdown":
            Console(soft_wrap=True).print(escape_lines(render_markdown(judged, unjudged, sweeps)))
        else:
            console = Console()
            console.print(count_verdicts(judged, unjudged), "", sep="\n")
            _print_judged(judged, sweeps, console)
            if others := list_other_runs(claims, sweeps):
                console.print(f"{OTHER_RUNS}: {', '.join(others)}. {OWN}", "", sep="\n")
            if unjudged:
                (_print_all_lacks if options.all else _print_lacks)(unjudged, console)
    return 0


def escape_lines(text: str) -> str:
    """Escape control characters in each line of a text."""
    return "\n".join(map(escape_controls, text.split("\n")))


def _print_judged(judged: Sequence[Judgement], sweeps: Sequence[Sweep], console: Console) -> None:
    for judgement in judged:
        _print_claim(lay_out(judgement), console)
    if judged:
        console.print(METHOD, *list_remedies(judged), *map(describe_run, sweeps), "", sep="\n")


def _print_all_lacks(unjudged: Sequence[Unjudged], console: Console) -> None:
    """Print what each claim lacks, with the command that trains it."""
    console.print(Text("Claims without data", style="bold"))
    for line in list_lacks(unjudged):
        console.print(line, soft_wrap=True)


def _print_lacks(unjudged: Sequence[Unjudged], console: Console) -> None:
    """Print by reason which claims have no data."""
    command = "command that trains it" if len(unjudged) == 1 else "commands that train them"
    console.print_paragraph(f"{format_count(len(unjudged), 'claim')} without data. `--all` adds the {command}.")
    for group in group_lacks(unjudged):
        console.print(group.head)
        for entry in [", ".join(group.entries)] if group.is_short else group.entries:
            console.print_paragraph(entry, INDENT, INDENT if group.is_short else 2 * INDENT)


def _print_claim(rows: ClaimRows, console: Console) -> None:
    """Print a claim: its head and verdict, then each check in words above its numbers."""
    console.print(Text(f"{rows.head}: {rows.verdict}", style="bold"))
    console.print(Text(rows.place, style="dim"))
    for number, check in enumerate(rows.checks):
        console.print(Padding(Text(check.words), (0, 0, 0, len(INDENT))))
        console.print(_build_table(check, titled=number == 0))
        if check.lack:
            console.print(Padding(Text(check.lack), (0, 0, 0, 2 * len(INDENT))))
    console.print("")


def _build_table(check: CheckRows, titled: bool) -> Table:
    """Build the numbers of a check; all have columns of equal width, so that they can be read as one table."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=titled)
    widths = (LABEL, NUMBERS, 2, EXPECTED, PAPER)
    for title, width in zip(("", *HEADER), (*widths, None), strict=True):
        table.add_column(title, width=width, overflow="fold", justify="right" if title in ("n", "paper") else "left")
    table.add_row(INDENT, *map(Text, check.row))
    if check.second:
        table.add_row(Text(f"{INDENT}{check.attack}"), *map(Text, check.second))
    return table


if __name__ == "__main__":
    run_and_exit(main)
