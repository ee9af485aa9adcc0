"""The epoch that validation selects is called so; "best" alone is the peak on test, or a name in records and arguments.

A reader of the page learns "best on test" and "best − last" as the measure of robust overfitting, so a table or a
caption must not call another epoch the best.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.reference import ROOT

MISNAMED = re.compile(
    r"\bbest (?:checkpoints?|epochs?)\b(?! on test)"
    r"|\bbest (?:and|or) (?:at the )?last\b"
    r"|\bbest: (?!the (?:epoch|one) that validation select|on test)"
    r"|\bbest (?:PGD|volume|kept)\b"
    r"|\bbest within\b",
    re.IGNORECASE,
)
PAGES = (
    "README.md",
    "analysis/README.md",
    "search/README.md",
    "trainers/README.md",
    "trainers/TUTORIAL.md",
    "spaces/KEYS.md",
)


def list_texts(source: str) -> Iterator[str]:
    """Yield the texts of a module without its docstrings."""
    tree = ast.parse(source)
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body[0] for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    docstrings = {id(first.value) for first in bodies if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("package", ["analysis", "search", "trainers"])
def test_no_text_of_a_command_calls_the_selected_epoch_best(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for text in list_texts(path.read_text())
        if MISNAMED.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_calls_the_selected_epoch_best(page: str) -> None:
    found = [line for line in (ROOT / page).read_text().splitlines() if MISNAMED.search(line)]
    assert found == []
