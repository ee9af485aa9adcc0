"""The value of an axis that validation chooses, such as the size k of a subset, and what the choice costs in optimism.

`analysis.measures.chosen_value` computes it. Late subsets (`start`) share the epochs before they begin: all k of a list
are forks of one training, and the choice among them costs only the epochs that follow.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.measures.chosen_value import VALIDATION, choose_values
from analysis.measures.stats import Estimate
from analysis.results.choice import SIZES
from analysis.results.metrics import describe_metric, find_strongest
from analysis.results.sweep import Sweep, open_sweeps
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.tables import print_table

HEADER = ("chosen", "of", "seeds", "validation", "corrected", "optimism", "test", "top", "its test")
LEAST_WIDTHS = (6, 2, 5, 10, 9, 8, 10, 3, 8)  # of the columns, which are equal in all rows
EXPLANATION = (
    "of: the number of values; validation: the mean over seeds of the chosen value, which is a maximum; "
    "corrected: on seeds that did not choose it; optimism: the difference, in points; test: what the chosen value is "
    "worth on test images, which take no part in the choice; top: the value with the highest test accuracy; its "
    "test: that accuracy, which is a maximum again."
)
SIZES_ALONE = (
    "The sizes are those of one kind of subset; all examples are not among them. Whether a subset beats all is a "
    "comparison, which the report of the run makes with its error (python -m analysis.report)."
)


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Print for each group of configurations the value that validation chooses, and what it is worth on test."""
    parser = Parser(prog="python -m analysis.choose", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a sweep's folder, such as results/friendly_k_late")
    parser.add_argument("--over", default=SIZES, help="axis whose values are chosen among (default: %(default)s)")
    options = parser.parse_args(arguments)
    with open_sweeps([options.run]) as (sweep,):
        _print_choices(sweep, options.over)
    return 0


def _print_choices(sweep: Sweep, axis: str) -> None:
    """Print the table of an axis with its terms. Raises SweepError if nothing can be chosen."""
    test = find_strongest(sweep.final_metrics(), sweep.attacks, sweep.completed)
    if test is None:
        raise SweepError(f"{sweep.folder}: no trial has completed with a robust accuracy")
    found = choose_values(sweep, axis, f"best_{test}")
    words = [describe_metric(name, sweep.attacks) for name in (VALIDATION.removeprefix("best_"), test)]
    console = Console()
    console.print(f"{axis} chosen by {words[0]}; test: {words[1]}; at the validation-selected epoch\n")
    records = found.to_dict("records")
    rows = [_write_row(row) for row in records]
    widths = [
        max(least, *map(len, column)) for least, column in zip(LEAST_WIDTHS, zip(*rows, strict=True), strict=True)
    ]
    for number, (record, row) in enumerate(zip(records, rows, strict=True)):
        console.print(Text(str(record["group"]), style="bold"))  # above its numbers: beside them it would be folded
        print_table(console, _build_table(row, widths, titled=number == 0))
    console.print(f"\n{EXPLANATION}{f' {SIZES_ALONE}' * (axis == SIZES)}")


def _write_row(record: Mapping[Hashable, Any]) -> tuple[str, ...]:
    """Write the numbers of a group in the columns of HEADER."""
    n = record["n"]
    texts = [Estimate(record[name], math.nan, n).text() for name in ("validation", "corrected")]
    texts.append(Estimate(record["optimism"], math.nan, n).text(signed=True))
    texts.append(Estimate(record["test"], record["se"], n).text())
    top = str(record["hindsight"]), Estimate(record["best_test"], math.nan, n).text()
    return str(record["chosen"]), str(record["values"]), str(n), *texts, *top


def _build_table(row: Sequence[str], widths: Sequence[int], titled: bool) -> Table:
    """Build the numbers of a group; all groups have columns of equal width, so that they can be read as one table."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=titled)
    for name, width in zip(HEADER, widths, strict=True):
        table.add_column(name, width=width, justify="left" if name in ("chosen", "top") else "right")
    table.add_row(*map(Text, row))
    return table


if __name__ == "__main__":
    run_and_exit(main)
