"""How a command begins and ends: with streams that no reader can break, and without taking apart what torch and Ray
hold, which takes Python a second.
"""

from __future__ import annotations

import argparse
import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from search.exceptions import DamagedJournal, DifferentSweep, Infeasible, NoSweep, SpaceError, SweepLocked, Unreachable
from search.schema.limits import MAX_PROBLEMS_SHOWN
from search.signals import exit_code_of, install_handlers
from search.store import health
from trainers.record_io import Place
from trainers.terminal.console import Console, error_console
from trainers.terminal.streams import guard_streams


def exit_with(main: Callable[[], int], shows: bool = False) -> NoReturn:
    """Run a command and end the process with its exit code.

    `shows`: whether it only shows something, and ends once nobody reads that; others go on without a word.
    Threads that are no daemons, and all that is registered with atexit from here on, come to their ends before; a
    Ctrl-C or SIGTERM that comes while the process waits for them ends it at once.
    """
    end = _End()
    atexit.register(end)  # as the first, for it to be called as the last
    guard_streams(ends=shows)
    try:
        end.code = main()
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit as error:
        end.code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    except KeyboardInterrupt as error:
        end.code = exit_code_of(error)
        error_console().print("Interrupted.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(end.code))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes may say so twice
    sys.exit(end.code)


class _End:
    """What Python does last, or would after all that it takes apart."""

    def __init__(self) -> None:
        self.code = 1  # of a traceback

    def __call__(self) -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None where it was closed from the start
            with suppress(OSError, ValueError):  # nobody reads any more
                stream.flush()
        os._exit(self.code)


Command = Callable[[argparse.Namespace, float], int]


def run_command(options: argparse.Namespace, began: float, imported: Callable[[], Command]) -> int:
    """Run what is imported with the options, begun at time.monotonic `began`. Returns the exit code."""
    if options.address:
        os.environ["RAY_ADDRESS"] = options.address  # read when Ray is imported
    install_handlers()
    try:
        command = imported()
        install_handlers()  # importing Ray took SIGTERM over
    except KeyboardInterrupt as error:
        return exit_code_of(error)
    return command(options, began)


DONE, UNFINISHED, BAD_INPUT = 0, 1, 2
ENDINGS = (
    SpaceError, DifferentSweep, SweepLocked, NoSweep, Infeasible, Unreachable, DamagedJournal,
    OSError, KeyboardInterrupt,
)  # fmt: skip


def report_error(error: BaseException, folder: Place, instead: str, errors: Console) -> int:
    """Say why a command that works in a folder ends, by one of ENDINGS. Returns the exit code.

    `instead`: what to do if another sweep lies there.
    """
    if isinstance(error, KeyboardInterrupt):
        errors.print("Interrupted; what was trained is kept.")
        return exit_code_of(error)
    if isinstance(error, OSError):
        errors.print(f"Stopped: {health.storage_problem_behind(error, folder) or error}")
        return UNFINISHED
    for line in _lines(error, folder, instead):
        errors.print(line)
    return BAD_INPUT


def _lines(error: BaseException, folder: Place, instead: str) -> list[str]:
    if isinstance(error, SpaceError):
        n = len(error.problems)
        problems = [f"error: {problem}" for problem in error.problems[:MAX_PROBLEMS_SHOWN]]
        problems += [f"error: and {n - MAX_PROBLEMS_SHOWN:,} more"] if n > MAX_PROBLEMS_SHOWN else []
        return [*problems, f"{n:,} problem{'s' * (n > 1)}; nothing was started."]
    if isinstance(error, DifferentSweep):
        return [f"error: {folder}: " + "\n".join(error.lines), f"Nothing was changed. {instead}"]
    if isinstance(error, SweepLocked):
        return [f"error: {folder}: another process is running this sweep; wait for it or stop it."]
    return [f"error: {error}"]
