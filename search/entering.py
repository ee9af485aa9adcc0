"""How a command begins that needs Ray: what imports it is imported late, with the address set and signals heeded."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from search.faults.interrupt import code_of, heed

Command = Callable[[argparse.Namespace, float], int]


def enter(options: argparse.Namespace, began: float, imported: Callable[[], Command]) -> int:
    """Run what is imported with the options, begun at time.monotonic `began`. Returns the exit code."""
    if options.address:
        os.environ["RAY_ADDRESS"] = options.address  # read when Ray is imported
    heed()
    try:
        command = imported()
        heed()  # importing Ray took SIGTERM over
    except KeyboardInterrupt as error:
        return code_of(error)
    return command(options, began)
