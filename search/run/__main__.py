"""python -m search.run SPACE: run, resume or extend a sweep.

Exit codes: 0 done, or ended by its budget; 1 some trainings have no result, or nothing can be stored any more; 2 bad
input, or a folder that cannot be written (nothing was started); 130 interrupted (143 by SIGTERM, 129 by a terminal that
was closed).
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search.cli import Command, exit_with, run_command
from search.schema.space_files import find_space, read_text
from search.store.remote import parse_path
from trainers.terminal.arguments import Parser

if TYPE_CHECKING:
    from search.execution.backend import Backend


def build_parser() -> Parser:
    """Return the parser of the command's arguments."""
    parser = Parser(
        prog="python -m search.run",
        description="Run a sweep. The same command resumes it, and extends it if the space has grown.",
        epilog=(__doc__ or "").partition("\n\n")[2],
    )
    parser.add_argument("space", type=Path, help="a YAML file, or the name of a space such as friendly_k")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="override a value, such as trial.epochs=2"
    )
    parser.add_argument("--name", help="name of the study (default: the name of the file)")
    parser.add_argument(
        "--results", type=parse_path, default=Path("results"), metavar="DIR", help="a folder or URL (default: results)"
    )
    parser.add_argument("--fresh", action="store_true", help="move an existing sweep of this name aside and start anew")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    parser.add_argument(
        "--add-trials", type=int, default=0, metavar="N", help="add N trials to a search that draws them"
    )
    parser.add_argument(
        "--reuse", type=parse_path, action="append", default=[], metavar="RUN", help="copy shared stages from a sweep"
    )
    parser.add_argument(
        "--accept-code-change", action="store_true", help="continue from stages of other code in trainers/"
    )
    parser.add_argument("--address", help="address of a Ray cluster (default: RAY_ADDRESS, else this machine alone)")
    return parser


def main(arguments: list[str] | None = None, backend: Backend | None = None) -> int:
    """Run the command with these arguments. Return the exit code.

    `backend` trains instead of Ray: tests give search.execution.in_process_backend.InProcessBackend.
    """
    began = time.monotonic()
    options = build_parser().parse_args(arguments)
    check = partial(read_text, find_space(options.space))
    return run_command(options, began, check, partial(_import_command, backend))


def _import_command(backend: Backend | None) -> Command:
    from search.run.driver import run_space

    return partial(run_space, backend=backend)


if __name__ == "__main__":
    exit_with(main)
