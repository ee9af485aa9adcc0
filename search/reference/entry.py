"""One thing that a space may hold, or a space, as a list shows it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A thing of a list."""

    name: str
    text: str  # what it is, on one line
    details: tuple[str, ...]  # paragraphs, which are shown of a single thing
