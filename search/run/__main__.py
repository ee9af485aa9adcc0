"""python -m search.run SPACE: run, resume or extend a sweep.

Exit codes: 0 done, or ended by its budget, 1 some trainings have no result, or nothing can be stored any more, 2 bad
input or a folder that cannot be written (nothing was started), 130 interrupted (143 by SIGTERM, 129 by a terminal that
was closed).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from search.cli import Command, exit_with, run_command
from search.store.remote import parse_path


def build_parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(
        prog="python -m search.run",
        description="Run a sweep; the same command resumes it, and extends it if the space has grown.",
        epilog=(__doc__ or "").partition("\n\n")[2],
    )
    it.add_argument("space", type=Path, help="a YAML file such as spaces/friendly_k.yaml")
    it.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override, as trial.epochs=2")
    it.add_argument("--name", help="of the study; default: the file's name")
    it.add_argument(
        "--results", type=parse_path, default=Path("results"), metavar="DIR", help="or a URL; default: results"
    )
    it.add_argument("--fresh", action="store_true", help="move what is stored under that name aside and start anew")
    it.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    it.add_argument("--add-trials", type=int, default=0, metavar="N", help="lengthen a search that draws its trials")
    it.add_argument(
        "--reuse", type=parse_path, action="append", default=[], metavar="RUN", help="take stages of that sweep"
    )
    it.add_argument(
        "--accept-code-change", action="store_true", help="go on from stages of other code in trainers/, knowingly"
    )
    it.add_argument("--address", help="of a Ray cluster; default: RAY_ADDRESS, else Ray on this machine alone")
    return it


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    began = time.monotonic()
    options = build_parser().parse_args(arguments)
    return run_command(options, began, _import_command)


def _import_command() -> Command:
    from search.run.driver import run_space

    return run_space


if __name__ == "__main__":
    exit_with(main)
