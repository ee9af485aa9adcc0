"""python -m search.replay RUN [RUN ...]: replay stopping rules on finished sweeps, and count what they save and lose.

Each rule is applied to the recorded curves by the methods that a running sweep calls, and compared with configurations
that are drawn at random at the same cost. Only records are read; Ray is not needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from search.cli import BAD_INPUT, exit_with, find_refusal
from search.exceptions import NotReplayable
from search.replay.rules import find_rules
from search.store.plan_file import check_exists
from search.store.remote import parse_path
from trainers.terminal.arguments import Parser
from trainers.terminal.console import error_console
from trainers.terminal.progress import show_wait


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each sweep. Exit codes: 0 done, 2 a sweep cannot be replayed or a rule is invalid."""
    options = _parser().parse_args(arguments)
    for folder in options.run:
        if code := find_refusal(partial(check_exists, folder)):
            return code
    try:
        rules = find_rules(options.rule)
    except NotReplayable as error:
        error_console().print(f"error: {error}")
        return BAD_INPUT
    with show_wait("loading PyTorch"):
        from search.replay.comparison import replay_sweeps
    return replay_sweeps(options, rules)


def _parser() -> Parser:
    parser = Parser(prog="python -m search.replay", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "run", nargs="+", type=parse_path, help="the folder of a finished sweep, such as results/friendly_k"
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="RULE",
        help="a row of the table by its name, or keys as under search.stopping, such as '{patience: 5%%}'; may be "
        "repeated (default: all rows)",
    )
    parser.add_argument(
        "--workers", type=_count, default=4, help="configurations that run at once, for ASHA (default: %(default)s)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of at least 1")
    return int(text)


if __name__ == "__main__":
    exit_with(main, shows=True)
