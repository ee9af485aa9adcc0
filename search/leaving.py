"""How a command ends: without taking apart what torch and Ray hold, which takes Python a second."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn


def leave_with(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code.

    Threads that are no daemons, and all that others registered with atexit, come to their ends before.
    """
    end = _End()
    atexit.register(end)  # as the first, for it to be called as the last
    try:
        end.code = main()
    except SystemExit as error:
        end.code = error.code if isinstance(error.code, int) else 1
        raise
    sys.exit(end.code)


class _End:
    """What Python does last, or would after all that it takes apart."""

    def __init__(self) -> None:
        self.code = 1  # of a traceback

    def __call__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads any more
                stream.flush()
        os._exit(self.code)
