"""python -m search.measure RUN --attack ATTACK: measure finished trainings further, without training anything.

ATTACK is an entry of `evaluate.final`, such as 'aa: {name: autoattack}'.

The last state of a training, which search.keep stores, holds its last and its best weights: nothing is trained again,
and the records become bit for bit those of a sweep that had the attack in `evaluate.final`, the distances as
`evaluate.min_perturbation`, the diagnostic in `evaluate.diagnostics`, the corrupted test sets in `trial.data`. A budget
of its own is an attack with its own epsilon. What validation selects stays as it is; the front over test accuracies is
under the strongest attack, which may be the new one. The same command carries on after a kill. Exit codes: those of
search.run.
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

    `backend` measures instead of Ray: tests give search.execution.in_process_backend.InProcessBackend.
    """
    began = time.monotonic()
    parser = Parser(prog="python -m search.measure", description=__doc__)
    parser.add_argument("run", type=parse_path, help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument(
        "--attack", action="append", default=[], metavar="'NAME: {…}'",
        help="an attack as in evaluate.final, such as 'aa: {name: autoattack}'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--distances", metavar="'{…}'", nargs="?", const="{}",
        help="minimum perturbations, with the keys of evaluate.min_perturbation, such as '{label: given}'",
    )  # fmt: skip
    parser.add_argument(
        "--diagnostic", action="append", default=[], metavar="'NAME: {…}'",
        help="a diagnostic of the last weights as in evaluate.diagnostics, such as 'lipschitz: {}'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--corruptions", metavar="'{…}'",
        help="corrupted test sets as in trial.data.corruptions, such as '{path: data/CIFAR-10-C, severity: 3}'",
    )  # fmt: skip
    parser.add_argument(
        "--where", action="append", default=[], metavar="AXIS=VALUE",
        help="only trials with this value of an axis, such as method=trades; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--only",
        choices=("front",),
        help="AutoAttack: as `for: front`; else only the configurations on the front of validation",
    )
    parser.add_argument(
        "--accept-code-change", action="store_true", help="measure states of other code in trainers/ by this code"
    )
    parser.add_argument("--address", help="address of a Ray cluster (default: RAY_ADDRESS, else this machine alone)")
    options = parser.parse_args(arguments)
    return run_command(options, began, partial(check_exists, options.run), partial(_import_command, backend))


def _import_command(backend: Backend | None) -> Command:
    from search.measure.finished import measure_finished

    return partial(measure_finished, backend=backend)


if __name__ == "__main__":
    exit_with(main)
