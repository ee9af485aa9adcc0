"""List the commands of analysis."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trainers.terminal.index import print_index
from trainers.terminal.showing import show_with


def main(arguments: Sequence[str]) -> int:
    return print_index("analysis", arguments)


if __name__ == "__main__":
    show_with(lambda: main(sys.argv[1:]))
