"""python -m search.verify RUN: train a sample of a sweep's trials again from scratch and compare the bits.

A trial that copied epochs from others, was killed or moved between workers must have the same records and weights as
one trained alone, on a device of the same kind: where a trial differs that another one trained, it says which. Exit
codes: 0 every bit is equal, 1 some differ, 2 nothing can be compared.
"""

from __future__ import annotations

from functools import partial

from search.cli import exit_with, find_refusal
from search.store.plan_file import check_exists
from search.store.remote import parse_path
from trainers.terminal.arguments import Parser
from trainers.terminal.progress import show_wait


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments. Return the exit code."""
    parser = Parser(prog="python -m search.verify", description=__doc__)
    parser.add_argument("run", type=parse_path, help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument("--sample", default="2%", help="a share or a number of the trials that ended (default: 2%%)")
    parser.add_argument("--seed", type=int, default=0, help="seed that draws the sample (default: 0)")
    parser.add_argument("--trial", action="append", metavar="ID", help="this trial, not a sample; may be repeated")
    options = parser.parse_args(arguments)
    if code := find_refusal(partial(check_exists, options.run)):
        return code
    with show_wait("loading PyTorch"):
        from search.verify.comparison import verify_run
    return verify_run(options)


if __name__ == "__main__":
    exit_with(main)
