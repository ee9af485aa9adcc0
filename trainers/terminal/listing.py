"""Lists of names with a text beside each: wrapped on a terminal, a whole line each in a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from trainers.terminal.console import Console

NAME_SHARE = 3  # a name wider than a third of the lines has its text below it


def print_listing(console: Console, entries: Sequence[tuple[str, str]]) -> None:
    """Print entries, each a name and a text, with the names in a column of their own."""
    for line in _format_listing(entries, console.width):
        console.print(line, soft_wrap=True)


def wrap_text(text: str, width: int, indent: int) -> list[str]:
    """Break a text into lines, the second and later ones indented; a word longer than a line stays whole."""
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _format_listing(entries: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    column = min(max(len(name) for name, _ in entries), width // NAME_SHARE)
    for name, text in entries:
        label, rest = name.ljust(column), f"{' ' * (column + 2)}{text}"
        if len(label) > column:
            yield label
        else:
            rest = f"{label}  {text}"
        yield from wrap_text(rest, width, column + 2)
