"""Print the commands of analysis: `python -m analysis`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainers.terminal.commands import print_commands
from trainers.terminal.showing import show_with


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a command."""
    argparse.ArgumentParser(prog="python -m analysis", description="Print its commands.").parse_args(arguments)
    return print_commands("analysis")


if __name__ == "__main__":
    show_with(main)
