"""python -m search.new SPACE --data DATA: look at a data set, and write a commented first space that runs.

Data that a person should look at first is refused, with what was found and what to do. An existing file is never
overwritten. Exit codes: 0 written, 2 bad input or doubtful data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from search.cli import exit_with
from search.exceptions import SpaceError
from search.new.refusal import check_file_name, report_refusal
from trainers.terminal.arguments import Parser
from trainers.terminal.console import error_console
from trainers.terminal.progress import show_wait


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments. Return the exit code."""
    parser = Parser(prog="python -m search.new", description=__doc__)
    parser.add_argument("space", type=Path, help="the YAML file to write, such as mine.yaml")
    parser.add_argument(
        "--data", required=True, help="an .npz, a folder with train/<class>/*.png, or a name such as cifar10 or digits"
    )
    parser.add_argument("--size", type=_pixels, metavar="N", help="resize image files to N x N pixels")
    parser.add_argument("--anyway", action="store_true", help="write the space although something is doubtful")
    options = parser.parse_args(arguments)
    try:
        check_file_name(options.space)
    except SpaceError as error:
        return report_refusal(error, error_console())
    with show_wait("loading PyTorch"):
        from search.new.writer import write_space
    return write_space(options)


def _pixels(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of pixels of at least 1; got {text!r}")
    return int(text)


if __name__ == "__main__":
    exit_with(main)
