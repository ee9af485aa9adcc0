"""The console of all commands: it prints plain text, never markup, and user text cannot control the terminal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from trainers.terminal.text import escape_lines

PIPE_WIDTH = 1000  # columns without a terminal and without COLUMNS: what reads a pipe wants whole lines


class Console(rich.console.Console):
    """A Rich console without markup, emoji codes and highlighting; it shows control characters as escapes.

    It is as wide as its terminal or COLUMNS says. Into a pipe or a file it breaks no lines, and pads none.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if not self.is_terminal and "width" not in options and "COLUMNS" not in os.environ:
            self.width = PIPE_WIDTH

    def print_paragraph(self, text: str, first: str = "", rest: str = "") -> None:
        """Print a paragraph: `first` begins its first line, `rest` each further one. Into a pipe it is one line."""
        if self.width == PIPE_WIDTH:
            self.print(first + text, soft_wrap=True)
            return
        lines = textwrap.TextWrapper(
            self.width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.print(lines.fill(escape_lines(text)), soft_wrap=True)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        segments = super().render(renderable, options)
        shown = (part if part.control else part._replace(text=escape_lines(part.text)) for part in segments)
        return shown if self.is_terminal else _drop_padding(shown)


def _drop_padding(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Yield segments without the spaces that end a line; tables pad each line to their width."""
    held = ""
    for segment in segments:
        *lines, last = (held + segment.text).split("\n")
        kept = last.rstrip(" ")
        held = last[len(kept) :]
        yield segment._replace(text="".join(f"{line.rstrip(' ')}\n" for line in lines) + kept)
    if held:
        yield Segment(held)


def error_console() -> Console:
    """Return a console on standard error that never wraps: one message a line, for `grep` and editors."""
    return Console(stderr=True, soft_wrap=True)
