"""The README promises what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from trainers.methods import METHODS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_table_of_methods_has_every_row_and_no_other() -> None:
    table = README.partition("| method |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z0-9-]+)`", table, re.MULTILINE) == list(METHODS)


def test_files_named_in_the_readme_exist() -> None:
    named = re.findall(r"(?:tests/)?(?:spaces|trainers|search|analysis)/[\w/]+\.(?:py|yaml)", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_embedded_study_is_listed() -> None:
    listed = README.partition("## Studies")[2].partition("\n## ")[0]
    there = {path.stem for path in (ROOT / "spaces").glob("*.yaml")}
    assert set(re.findall(r"`([a-z_]+)`", listed)) == there


@pytest.mark.parametrize("package", ["", *sorted(path.parent.name for path in (ROOT / "search").glob("*/__init__.py"))])
def test_the_map_of_search_shows_each_module(package: str) -> None:
    folder = ROOT / "search" / package
    shown = re.findall(r"[a-z_]+", ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "")
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (not package and path.is_dir())}
    assert not {name for name in there if name.isidentifier() and not name.startswith("__")} - {*shown}
