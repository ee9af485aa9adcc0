"""Report the errors of a command of analysis, and end the command with the exit code of bad input."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from analysis.exceptions import SweepError
from trainers.terminal.console import error_console

BAD_INPUT = 2

P = ParamSpec("P")


def report_errors(main: Callable[P, int]) -> Callable[P, int]:
    """Return `main` with its errors reported: a SweepError or an OSError is printed on stderr, and the code is 2.

    A SweepError of several lines, such as the mistakes in a file of claims, is several errors.
    """

    @wraps(main)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except (SweepError, OSError) as error:
            for line in str(error).splitlines() or [repr(error)]:
                error_console().print(f"error: {line}")
            return BAD_INPUT

    return run
