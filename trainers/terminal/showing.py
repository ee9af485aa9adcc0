"""Start and exit code of commands that only show something."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from trainers.terminal.streams import guard_streams


def run_and_exit(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code: 130 after a Ctrl-C, 141 if the reader closed the pipe."""
    guard_streams(ends=True)
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
