"""The value of an axis that validation chooses, such as the size k of a subset, and what the choice costs in optimism.

`analysis.measures.chosen_value` computes it. Late subsets (`start`) share the epochs before they begin: all k of a list
are forks of one training, and the choice among them costs only the epochs that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

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

EXPLANATION = (
    "validation: the mean over seeds of the chosen value, which is a maximum; corrected: on seeds that did not choose "
    "it; optimism: the difference, in points. Test images take no part in the choice; best is what they would choose."
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
    table = Table(title=f"{axis} chosen by {words[0]}; test: {words[1]}; at the validation-selected epoch", box=None)
    for name in ("among", "chosen", "of", "seeds", "validation", "corrected", "optimism", "test", "best", "its test"):
        table.add_column(name, justify="left" if name in ("among", "chosen", "best") else "right")
    for row in found.to_dict("records"):
        n = row["n"]
        texts = [Estimate(row[name], math.nan, n).text() for name in ("validation", "corrected")]
        texts.append(Estimate(row["optimism"], math.nan, n).text(signed=True))
        texts.append(Estimate(row["test"], row["se"], n).text())
        best = row["hindsight"], Estimate(row["best_test"], math.nan, n).text()
        table.add_row(row["group"], row["chosen"], str(row["values"]), str(n), *texts, *best)
    console = Console()
    print_table(console, table)
    console.print(f"\n{EXPLANATION}")


if __name__ == "__main__":
    run_and_exit(main)
