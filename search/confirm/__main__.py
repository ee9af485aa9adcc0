"""python -m search.confirm RUN --seeds 5: train a search's front again with fresh seeds, and see what stands.

Whoever wins among many has had luck too: the seeds that chose a configuration flatter it. Those trained here choose
nothing. They lie beside the run, in RUN.confirmed, a sweep like any other: the same command carries on or extends it.
Of a run that is not finished it is the front so far, and how much is missing is told.
Exit codes: those of search.run.
"""

from __future__ import annotations

import argparse
import time

from search.cli import Command, exit_with, run_command
from search.store.remote import parse_path


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    began = time.monotonic()
    it = argparse.ArgumentParser(prog="python -m search.confirm", description=__doc__)
    it.add_argument(
        "run",
        type=parse_path,
        help="a sweep's folder, such as results/friendly_k, or its URL; finished, or its front is that so far",
    )
    it.add_argument("--seeds", type=int, default=5, help="fresh seeds for each configuration of the front (default: 5)")
    it.add_argument(
        "--accept-code-change", action="store_true", help="go on from stages of other code in trainers/, knowingly"
    )
    it.add_argument("--address", help="of a Ray cluster; default: RAY_ADDRESS, else Ray on this machine alone")
    options = it.parse_args(arguments)
    if options.seeds < 1:
        it.error(f"--seeds should be at least 1; got {options.seeds}")
    return run_command(options, began, _import_command)


def _import_command() -> Command:
    from search.confirm.front import confirm_front

    return confirm_front


if __name__ == "__main__":
    exit_with(main)
