"""How a command begins and ends: with streams that no reader can break, and without taking apart what torch and Ray
hold, which takes Python a second.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from search.faults.interrupt import code_of
from trainers.terminal.console import error_console
from trainers.terminal.streams import guard_streams


def leave_with(main: Callable[[], int], shows: bool = False) -> NoReturn:
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
        end.code = code_of(error)
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
