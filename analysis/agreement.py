"""Agreement of the rankings of examples between a sweep's configurations: distance, correlation and IoU of the tops.

`analysis.measures.agreement` computes them. The command also prints how weights, epsilons and targets correlate with
difficulty, and how the difficulty of corrupted test images compares with that of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.measures.agreement import ALONE, MEASURES, build_matrix
from analysis.measures.corrupted import compare_corrupted
from analysis.measures.difficulty_reference import LAST, NONE, References, correlate_with_difficulty, find_references
from analysis.measures.hardness import check_score, describe_score
from analysis.report.matrices import lay_out_blocks
from analysis.results.sweep import Sweep, open_sweeps
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit

MAX_PAIRS = 4  # listed by name
APART = "trained on other labels, or measured on another test set, so that rankings are not comparable"


def describe_incomparable(table: pd.DataFrame) -> str:
    """Describe which configurations of a matrix cannot be compared, and why; empty if all can."""
    known, names = table.notna().to_numpy(), list(map(str, table.index))
    apart = set(table.attrs.get("apart", ()))
    pairs: dict[str, list[str]] = {APART: [], ALONE: []}
    for i, name in enumerate(names):
        for j in range(i, len(names)):
            if not known[i, j]:
                why = APART if (name, names[j]) in apart else ALONE
                pairs[why].append(f"{name} with itself" if i == j else f"{name} and {names[j]}")
    return "\n".join(
        f"–: {why}: {'; '.join(named[:MAX_PAIRS])}{f' and {len(named) - MAX_PAIRS} more' * (len(named) > MAX_PAIRS)}."
        for why, named in pairs.items()
        if named
    )


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the agreement between the rankings of examples of a sweep's configurations."""
    parser = Parser(prog="python -m analysis.agreement", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a sweep's folder, such as results/difficulty_distance")
    scores = "score, or recorded loss such as test, test_pgd, train_fgsm, to rank by (default: %(default)s)"
    parser.add_argument("--by", default="difficulty", help=scores)
    parser.add_argument(
        "--measure", choices=MEASURES, default="distance", help="measure of agreement (default: %(default)s)"
    )
    file = "ranking by PGD training to correlate weights and targets with: profile/<ranking>.npz of a sweep"
    parser.add_argument("--ranking", type=Path, help=file)
    options = parser.parse_args(arguments)
    with open_sweeps([options.run]) as (results,):
        _print_report(results, options.by, options.measure, options.ranking)
    return 0


def _print_report(results: Sweep, by: str, measure: str, file: Path | None) -> None:
    by, difficulties = check_score(by), find_references(results, file)
    console, table = Console(), build_matrix(results, by, measure)
    scope = "on the examples that both trainings of a pair have; mean over pairs of trainings with different seeds"
    _print_table(console, f"{measure} of rankings by {describe_score(by, results)}, {scope}", table)
    if unknown := describe_incomparable(table):
        console.print(f"\n{unknown}")
    _print_difficulty(console, results, difficulties)
    for name, found in compare_corrupted(results, MEASURES[measure]).items():
        _print_table(
            console,
            f"\n{measure} between the difficulty of corrupted test images for networks trained on clean images "
            f"({name}) and the difficulty of the images of each row (training: images)",
            found,
        )


def _print_difficulty(console: Console, results: Sweep, difficulties: References) -> None:
    """Print how weights, epsilons and targets correlate with difficulty, and which lack a difficulty.

    Raises SweepError if the file of `--ranking` ranks other examples or labels.
    """
    found = correlate_with_difficulty(results, difficulties)
    for curve, table in found.correlations.items():
        which = f"the {curve} of an example at the end" if curve in LAST else f"the mean {curve} of an example"
        source = f"difficulty d (1: easiest) of {difficulties.description}"
        _print_table(console, f"\ncorrelation of {source} with {which}", table)
    _print_table(console, "\nmean t_max at the last epoch by group of this difficulty, G0 the hardest", found.groups)
    if found.without and difficulties.file is not None and not found.correlations:
        ranks = "it ranks other examples, or under other labels, than"
        raise SweepError(f"--ranking {difficulties.file}: {ranks} {results.folder} has")
    if found.without:
        some = " of some trainings" if found.correlations else ""
        console.print(f"\n{', '.join(found.without)}{some}: correlations with difficulty {NONE}.")


def _print_table(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a title and a table, unless the table is empty."""
    if len(table):
        console.print(title)
        for block in lay_out_blocks(table, console.width):
            console.print("", block, sep="\n")


if __name__ == "__main__":
    run_and_exit(main)
