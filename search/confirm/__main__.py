"""python -m search.confirm RUN --seeds 5: train a search's front again with fresh seeds, and compare the results.

It is the front of validation, among which a configuration is chosen; a report shows the front of test images.
Selecting the best of many configurations is biased upwards: the seeds that selected a configuration overestimate it.
The fresh seeds take no part in the selection and give an unbiased estimate. They are stored beside the run, in
RUN.confirmed, as a sweep like any other: the same command carries on or extends it. For an unfinished run the front so
far is used, and the missing trainings are counted. Exit codes: those of search.run.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from search.cli import Command, exit_with, run_command
from search.store.plan_file import check_exists
from search.store.remote import parse_path
from trainers.terminal.arguments import Parser

if TYPE_CHECKING:
    from search.execution.backend import Backend


def main(arguments: list[str] | None = None, backend: Backend | None = None) -> int:
    """Run the command with these arguments. Return the exit code.

    `backend` trains instead of Ray: tests give search.execution.in_process_backend.InProcessBackend.
    """
    began = time.monotonic()
    parser = Parser(prog="python -m search.confirm", description=__doc__)
    parser.add_argument(
        "run",
        type=parse_path,
        help="a sweep's folder, such as results/friendly_k, or its URL; for an unfinished one the front so far is used",
    )
    parser.add_argument(
        "--seeds", type=int, default=5, help="fresh seeds for each configuration of the front (default: 5)"
    )
    parser.add_argument(
        "--accept-code-change",
        action="store_true",
        help="train new seeds by other code in trainers/ than the run's",
    )
    parser.add_argument("--address", help="address of a Ray cluster (default: RAY_ADDRESS, else this machine alone)")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds should be at least 1; got {options.seeds}")
    return run_command(options, began, partial(check_exists, options.run), partial(_import_command, backend))


def _import_command(backend: Backend | None) -> Command:
    from search.confirm.front import confirm_front

    return partial(confirm_front, backend=backend)


if __name__ == "__main__":
    exit_with(main)
