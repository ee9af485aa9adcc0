"""The console of all commands: it prints plain text, never markup, and user text cannot control the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from trainers.terminal.text import escape_lines

PIPE_WIDTH = 1000  # columns without a terminal and without COLUMNS: what reads a pipe wants whole lines


class Console(rich.console.Console):
    """A Rich console without markup, emoji codes and highlighting; it shows control characters as escapes.

    It is as wide as its terminal or COLUMNS says. Into a pipe or a file it breaks no lines.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if not self.is_terminal and "width" not in options and "COLUMNS" not in os.environ:
            self.width = PIPE_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_lines(segment.text))


def error_console() -> Console:
    """Return a console on standard error that never wraps: one message a line, for `grep` and editors."""
    return Console(stderr=True, soft_wrap=True)
