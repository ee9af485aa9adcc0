"""The console of all commands: what it prints is text, never markup, and no word of a user's can steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from trainers.terminal.text import escape_lines


class Console(rich.console.Console):
    """A Rich console without markup, emoji codes and highlighting, which shows control characters as escapes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_lines(segment.text))


def error_console() -> Console:
    """The console of what is said on standard error: a line a message, however long, for `grep` and for editors."""
    return Console(stderr=True, soft_wrap=True)
