"""python -m search.coverage [RUN …]: simulate how often verdicts on a front are false, and what seeds they take.

Each study is drawn from a world with known true means; a study is wrong if any verdict on any configuration is false at
any look. With runs, the worlds are these stored sweeps, their means taken for the truth. Exit codes: 0 no world has
more errors than the stated probability allows, 1 one has, 2 bad input.
"""

from __future__ import annotations

from functools import partial

from search.cli import exit_with, find_refusal
from search.store.plan_file import check_exists
from search.store.remote import parse_path
from trainers.terminal.arguments import Parser
from trainers.terminal.progress import show_wait


def main(arguments: list[str] | None = None) -> int:
    """Simulate and print the tables. Return the exit code."""
    parser = Parser(prog="python -m search.coverage", description=__doc__)
    parser.add_argument("run", nargs="*", type=parse_path, help="sweeps whose means are taken for the truth")
    parser.add_argument("--studies", type=int, default=1000, help="studies of each world (default: 1000)")
    parser.add_argument(
        "--configurations", type=int, nargs="+", default=[10, 27, 100], metavar="N", help="(default: 10 27 100)"
    )
    parser.add_argument("--tolerance", type=float, default=1.0, help="points (default: 1)")
    options = parser.parse_args(arguments)
    if options.studies < 1 or min(options.configurations) < 3 or not 0 < options.tolerance <= 100:
        parser.error("--studies should be at least 1, --configurations 3, and --tolerance above 0 and at most 100")
    for run in options.run:
        if code := find_refusal(partial(check_exists, run)):
            return code
    with show_wait("loading PyTorch"):
        from search.coverage.tables import simulate_verdicts
    return simulate_verdicts(options)


if __name__ == "__main__":
    exit_with(main, shows=True)
