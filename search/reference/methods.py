"""The methods, with what the comments in trainers/methods.py say of each: its paper and its settings."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from typing import NamedTuple

import trainers.methods
from search.reference.wording import format_piece
from trainers.methods import METHODS

# such as Zhang et al. 2021, arXiv:2010.01736; a comment that begins with ... goes on about the last paper
PAPER = re.compile(r"[A-Z]\w+(?: & \w+| et al\.)? \d{4}(?:, arXiv:[\d.]+\d| \(\w+\))?")


class MethodRow(NamedTuple):
    """A row of the table of methods."""

    name: str
    pieces: str  # its pieces, and their keys that differ from the pieces' own defaults, as a space would write them
    source: str  # its paper, and what the comment beside it says of the settings


@cache
def list_methods() -> tuple[MethodRow, ...]:
    """Return all methods in the order of the table."""
    sources = _read_comments()
    return tuple(MethodRow(name, _format_pieces(name), sources[name]) for name in METHODS)


def _format_pieces(name: str) -> str:
    text = format_piece(METHODS[name])
    return "{}" if text == "pieces" else text.replace("name: pieces, ", "")


def _read_comments() -> dict[str, str]:
    """Return the comment above each row; rows without one of their own share that of the row above."""
    source = inspect.getsource(trainers.methods)
    lines = source.splitlines()
    (table,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "METHODS"
    )
    assert isinstance(table, ast.Dict)
    found, text, paper = dict[str, str](), "", ""
    for key in table.keys:
        assert isinstance(key, ast.Constant)
        above = key.lineno - 1
        while lines[above - 1].lstrip().startswith("#"):
            above -= 1
        if comments := [line.strip().removeprefix("#").strip() for line in lines[above : key.lineno - 1]]:
            text = " ".join(comments)
            if text.startswith("..."):
                text = f"{paper}, {text.removeprefix('...').strip()}"
            elif match := PAPER.match(text):
                paper = match[0]
        found[str(key.value)] = text
    return found
