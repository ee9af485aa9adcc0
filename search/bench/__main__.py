"""python -m search.bench: what the search itself costs, beside the training: planning, the driver, idle processes.

Each part is measured in a process of its own. Exit codes: 0 all targets are met, 1 one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.table import Table

from search.bench.measurements import PARTS, Measured
from search.cli import exit_with
from trainers.terminal.console import Console


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    it = argparse.ArgumentParser(prog="python -m search.bench", description=__doc__)
    it.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all of them")
    it.add_argument(
        "--share", type=float, default=1.0, help="of the trials: a small one says that it works, not what it costs"
    )
    it.add_argument("--here", action="store_true", help="measure the one part in this process, and print JSON")
    options = it.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        it.error(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    if not 0 < options.share <= 1:
        it.error(f"--share should be above 0 and at most 1; got {options.share:g}")
    if options.here:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps([each for part in options.parts for each in PARTS[part](Path(folder), options.share)]))
        return 0
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("measured", "value", "", "target"):
        table.add_column(name, justify="right" if name in ("value", "target") else "left")
    missed = 0
    for part in options.parts or PARTS:
        for each in _measured(part, options.share):
            missed += each.target is not None and each.value > each.target
            table.add_row(each.what, f"{each.value:.3g}", each.unit, "" if each.target is None else f"{each.target:g}")
    console.print(table)
    console.print(f"{os.cpu_count()} cores, {platform.machine()}, python {platform.python_version()}")
    return int(missed > 0)


def _measured(part: str, share: float) -> list[Measured]:
    command = [sys.executable, "-m", "search.bench", part, "--share", str(share), "--here"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Measured(*each) for each in json.loads(done.stdout.splitlines()[-1])]


if __name__ == "__main__":
    exit_with(main, shows=True)
