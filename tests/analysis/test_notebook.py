"""The notebook runs from its first cell to its last, on a sweep with the layout of the quickstart."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from .synthetic import Made, write_sweep

NOTEBOOK = Path(__file__).resolve().parents[2] / "analysis" / "tutorial.ipynb"
QUICKSTART = Made(
    study="friendly_k",
    methods=("AT 0.10", "AT 0.20", "TRADES 0.10"),
    subsets=("all", "friendly 108", "random 108", "friendly 96", "random 96"),
    faults=False,
)
PNG = b"\x89PNG"


def cells(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as Jupyter does, and return the value of its last expression; None if it ends in a statement."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_the_notebook_is_committed_without_outputs() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))


@pytest.mark.long
def test_every_cell_of_the_notebook_runs_and_its_figures_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_sweep(tmp_path / "results" / "friendly_k", QUICKSTART)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells("code")]
    figures = [value._repr_png_() for value in shown if hasattr(value, "_repr_png_")]
    assert len(figures) == 4 and all(png.startswith(PNG) and len(png) > 10_000 for png in figures)
    front = run / "report" / "front.pdf"
    assert front.read_bytes().startswith(b"%PDF")
    assert [path.name for path in tmp_path.iterdir()] == ["results"], "the working folder holds nothing new"
    tables = [value for value in shown if hasattr(value, "columns")]
    assert len(tables) == 3 and all(len(table) for table in tables)
    printed = capsys.readouterr().out
    assert "(24, 120) epochs, examples" in printed and f"Figure: {front}\n" in printed


def test_the_importance_of_knobs_is_left_out_where_too_little_varies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(tmp_path / "results" / "friendly_k", Made(methods=("AT 0.10",), subsets=("all",), faults=False))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    first, *others = ("".join(cell["source"]) for cell in cells("code"))
    run_cell(first, names)
    shown = [run_cell(source, names) for source in others if "importance" in source]
    assert shown == ["no two knobs vary over eight configurations", None]
