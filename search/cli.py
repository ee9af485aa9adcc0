"""Start a command, end it with its exit code, and report its errors.

A command ends without taking apart the objects of torch and Ray, which takes Python a second.
"""

from __future__ import annotations

import argparse
import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from search.exceptions import DamagedJournal, DifferentSweep, Infeasible, NoSweep, SpaceError, SweepLocked, Unreachable
from search.schema.limits import MAX_PROBLEMS_SHOWN
from search.signals import get_exit_code, install_handlers
from search.store import health
from search.store.command_line import format_command
from trainers.record_io import Place
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_wait
from trainers.terminal.streams import guard_streams

DONE, UNFINISHED, BAD_INPUT = 0, 1, 2


def exit_with(main: Callable[[], int], shows: bool = False) -> NoReturn:
    """Run a command and end the process with its exit code.

    A command that only shows something (`shows`) ends once its output is closed; others go on without output. Threads
    that are no daemons, and functions registered with atexit from here on, finish before the process ends. A Ctrl-C or
    SIGTERM that comes while the process waits for them ends it at once.
    """
    end = _ExitHook()
    atexit.register(end)  # as the first, so that it is called last
    guard_streams(ends=shows)
    try:
        end.code = main()
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit as error:
        end.code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    except KeyboardInterrupt as error:
        end.code = get_exit_code(error)
        error_console().print("Interrupted.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(end.code))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes may send it twice
    sys.exit(end.code)


class _ExitHook:
    """The last function that Python calls: it ends the process before Python takes its objects apart."""

    def __init__(self) -> None:
        self.code = 1  # of a traceback

    def __call__(self) -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None if it was closed from the start
            with suppress(OSError, ValueError):  # the reader is gone
                stream.flush()
        os._exit(self.code)


Command = Callable[[argparse.Namespace, float], int]


def find_refusal(check: Callable[[], object]) -> int:
    """Check what is named. Return the exit code, after printing why, if that is refused; else 0.

    `check` raises SpaceError or NoSweep. A command calls this before its heavy imports: importing Ray and torch, to say
    no more than that a name is mistyped, takes seconds.
    """
    try:
        check()
    except (SpaceError, NoSweep) as error:
        return report_error(error, Path(), "", error_console())
    return DONE


def run_command(
    options: argparse.Namespace, began: float, check: Callable[[], object], import_command: Callable[[], Command]
) -> int:
    """Check what is named, import a command and run it with its options. Return the exit code.

    `began` is time.monotonic at the start. `check` raises SpaceError or NoSweep if the space or the sweep is not there.
    """
    if code := find_refusal(check):
        return code
    if options.address:
        os.environ["RAY_ADDRESS"] = options.address  # read when Ray is imported
    install_handlers()
    try:
        with show_wait("loading PyTorch and Ray"):
            command = import_command()
        install_handlers()  # importing Ray replaced the handler of SIGTERM
    except KeyboardInterrupt as error:
        return report_error(error, Path(), "", error_console())
    return command(options, began)


HANDLED_ERRORS = (
    SpaceError, DifferentSweep, SweepLocked, NoSweep, Infeasible, Unreachable, DamagedJournal,
    OSError, KeyboardInterrupt,
)  # fmt: skip


def report_error(error: BaseException, folder: Place, instead: str, errors: Console, command: str | None = None) -> int:
    """Print why a command that works in a folder ends, for one of HANDLED_ERRORS. Return the exit code.

    `instead` says what to do if the folder holds another sweep; `command` carries on after an interrupt, the typed one
    unless given.
    """
    if isinstance(error, KeyboardInterrupt):
        errors.print("Interrupted. All that was trained is kept; the same command carries on:")
        errors.print(f"  {command or format_command()}", soft_wrap=True)
        return get_exit_code(error)
    if isinstance(error, OSError):
        errors.print(f"Stopped: {health.find_storage_problem_behind(error, folder) or error}")
        return UNFINISHED
    for line in _format_error(error, folder, instead):
        errors.print(line)
    return BAD_INPUT


def _format_error(error: BaseException, folder: Place, instead: str) -> list[str]:
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
