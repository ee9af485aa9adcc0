"""python -m search.bench: measure what the search costs beside training: planning, the driver, idle processes.

Each part is measured in a process of its own. Exit codes: 0 all targets are met, 1 one is missed.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from pathlib import Path

from rich.table import Table

from search.bench.parts import PARTS, measure_in_process
from search.cli import exit_with
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.progress import show_wait
from trainers.terminal.tables import print_table


def main(arguments: list[str] | None = None) -> int:
    """Measure the chosen parts and print a table. Return the exit code."""
    parser = Parser(prog="python -m search.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"parts to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="fraction of the trials: a small one shows that the part works, not its cost",
    )
    parser.add_argument("--here", action="store_true", help="measure the one part in this process, and print JSON")
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    if not 0 < options.share <= 1:
        parser.error(f"--share should be above 0 and at most 1; got {options.share:g}")
    if options.here:
        from search.bench.measurements import MEASURES  # late: it imports torch and Ray

        with tempfile.TemporaryDirectory() as folder:
            here = [found for part in options.parts for found in MEASURES[part](Path(folder), options.share)]
        print(json.dumps(here))
        return 0
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("measured", "value", "", "target"):
        table.add_column(name, justify="right" if name in ("value", "target") else "left")
    missed = 0
    for part in options.parts or PARTS:
        with show_wait(f"measuring {part}"):
            measured = measure_in_process(part, options.share)
        for found in measured:
            missed += found.target is not None and found.value > found.target
            target = "" if found.target is None else f"{found.target:g}"
            table.add_row(found.what, f"{found.value:.3g}", found.unit, target)
    print_table(console, table)
    console.print(f"{os.cpu_count()} cores, {platform.machine()}, python {platform.python_version()}")
    return int(missed > 0)


if __name__ == "__main__":
    exit_with(main, shows=True)
