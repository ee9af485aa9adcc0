"""List the commands of search."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trainers.terminal.index import print_index
from trainers.terminal.showing import run_and_exit


def main(arguments: Sequence[str]) -> int:
    """Print the commands with one line each."""
    return print_index("search", arguments)


if __name__ == "__main__":
    run_and_exit(lambda: main(sys.argv[1:]))
