"""Modules that docstrings and comments name are there."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.schema.blocks import Search

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("search", "trainers", "analysis")
NAME = re.compile(r"(?<![\w./`])(search|trainers|analysis)((?:\.[a-z]\w*)+)")


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield the docstrings and comments of a module, and the line where each begins."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def is_there(package: str, parts: list[str]) -> bool:
    """Return whether a dotted name leads to a module, or is a key of a space, as search.replicates is."""
    if package == "search" and (parts[0] in Search.model_fields):
        return True
    place = ROOT / package
    for part in parts:
        if (place / f"{part}.py").exists():
            return True
        if not (place / part).is_dir():
            return False
        place /= part
    return True


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_modules_named_in_prose_exist(package: str) -> None:
    gone = [
        f"{path.relative_to(ROOT)}:{line}: {found[0]}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in prose(path.read_text())
        for found in NAME.finditer(text)
        if not is_there(found[1], found[2][1:].split("."))
    ]
    assert gone == []
