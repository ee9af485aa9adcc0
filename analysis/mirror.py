"""Local copies of sweeps behind a URL: `python -m analysis.mirror s3://bucket/results/friendly_k FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.cli import report_errors
from analysis.results.remote_copy import fetch_records
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Copy the records of a sweep to a folder. Exit codes: 0 done, 2 no sweep there, or it cannot be copied."""
    parser = Parser(prog="python -m analysis.mirror", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="URL of a sweep, such as s3://bucket/results/friendly_k")
    parser.add_argument("folder", type=Path, help="folder for the records, such as results/friendly_k")
    options = parser.parse_args(arguments)
    fetch_records(options.url, options.folder)
    Console(soft_wrap=True).print(f"The records of {options.url} are in {options.folder}.")
    return 0


if __name__ == "__main__":
    run_and_exit(main)
