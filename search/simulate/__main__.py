"""python -m search.simulate SPACE --workers N: simulate the schedule of a sweep on that many workers.

Nothing is trained. All epochs take the same time, and a free worker takes the next training at once.
Exit codes: 0 simulated, 2 bad input.
"""

from __future__ import annotations

from pathlib import Path

from search.cli import exit_with, find_refusal
from search.schema.space_files import find_space, read_text
from trainers.terminal.arguments import Parser
from trainers.terminal.progress import show_wait


def main(arguments: list[str] | None = None) -> int:
    """Simulate a sweep and print the totals. Return the exit code."""
    parser = Parser(prog="python -m search.simulate", description=__doc__)
    parser.add_argument("space", type=Path, help="a YAML file, or the name of a space such as cifar10/gairat_burn_in")
    parser.add_argument("--workers", type=int, default=8, help="trainings at once (default: 8)")
    parser.add_argument("--epoch-seconds", type=float, default=30.0, help="seconds of one epoch (default: 30)")
    parser.add_argument(
        "--state-mb",
        type=float,
        default=134.0,
        help="size of a stored state (default: 134, that of PreAct ResNet-18)",
    )
    parser.add_argument("--nodes", type=int, default=1, help="nodes that they run on (default: 1)")
    parser.add_argument(
        "--data-mb",
        type=float,
        default=184.0,
        help="size of the data, sent once to each node (default: 184, that of CIFAR-10)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="override a key, as in search.run"
    )
    options = parser.parse_args(arguments)
    if min(options.workers, options.nodes) < 1 or min(options.epoch_seconds, options.state_mb, options.data_mb) <= 0:
        parser.error(
            "--workers and --nodes should be at least 1, --epoch-seconds, --state-mb and --data-mb more than 0"
        )
    if code := find_refusal(lambda: read_text(find_space(options.space))):
        return code
    with show_wait("loading PyTorch"):
        from search.simulate.schedule_table import simulate_sweep
    return simulate_sweep(options)


if __name__ == "__main__":
    exit_with(main, shows=True)
