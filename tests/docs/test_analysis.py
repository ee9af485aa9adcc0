"""The page of analysis: its code runs on a made-up sweep, and its tables list every measure and chart."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import analysis
import analysis.measures
from analysis import charts
from analysis.results.sweep import Sweep, load_sweep

from ..analysis.synthetic import ATTACKS, Made, write_sweep

pytestmark = pytest.mark.long
FOLDER = Path(analysis.__file__).parent
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Diagnostics\n")[2].partition("\n## ")[0]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ROWS = re.findall(r"^\| `(\w+)\.(\w+)` \|([^|]*)\|([^|]*)\|", SECTION, re.MULTILINE)
MORE: dict[str, tuple[str, ...]] = {"count_examples": ("t_y",), "measure_cost": ("test_pgd_acc",)}
MEASURES = re.compile("(measure|tabulate|compare|collect|compute_fronts|count|correlate_|build_|project_|find_onsets)")
RECORDS = ("Sweep", "Selection", "Sequence[Sweep]", "FrontData")  # types of what a measure is of
TIDY = {"mean", "lo", "hi", "n", "interval"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    attacks = ATTACKS | {"aa": "AutoAttack standard, linf, epsilon 0.1"}
    made = Made(noise=(0.1,), faults=False, instances=True, diagnostics=True, train=True, attacks=attacks)
    folder = write_sweep(tmp_path_factory.mktemp("page") / "sweep", made)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    for trial in plan["trials"]:  # the size of its subset, as the config of a real trial has it
        trial["config"]["subset"] = trial["values"].get("subset", {})
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return load_sweep(folder)


@pytest.mark.parametrize(("module", "function", "says", "columns"), ROWS, ids=[row[1] for row in ROWS])
def test_a_measure_of_the_page_has_the_columns_that_the_page_lists(
    results: Sweep, module: str, function: str, says: str, columns: str
) -> None:
    measure = getattr(importlib.import_module(f"analysis.measures.{module}"), function)
    table = measure(results, *MORE.get(function, ()))
    assert isinstance(table, pd.DataFrame)
    if function in ("measure_cross_generalization", "tabulate_reversals"):
        return  # this sweep has no standard training, and no order is reversed
    assert len(table)
    assert set(re.findall(r"`(\w+)`", columns)) <= set(table)
    assert "no interval" in says or set(table) >= TIDY


def test_the_page_lists_every_diagnostic() -> None:
    assert len(ROWS) == SECTION.count("\n| `") == 20


def test_the_code_of_the_page_runs_from_top_to_bottom(
    results: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(snippet.replace("results/friendly_k", str(results.folder)), names)
    assert len(SNIPPETS) == PAGE.count("```python") == 10
    drawn = {path.stem for path in tmp_path.glob("*.pdf")}
    assert drawn == {"front", "learning", "curves", "gap", "pairs", "weights", "fronts", "difference"}
    assert all(path.stat().st_size > 5_000 for path in tmp_path.glob("*.pdf"))
    assert names["judged"] is not None and names["pairs"].points["n"].eq(1).all()  # type: ignore[attr-defined]


def test_what_the_page_groups_by_name_are_configurations_that_were_measured(results: Sweep) -> None:
    """Trainings that rank the examples have names too, and most epochs measure no accuracy under attack."""
    names: dict[str, object] = {}
    snippet = SNIPPETS[0].replace("results/friendly_k", str(results.folder))
    exec(snippet, names)
    grouped = [line for line in snippet.splitlines() if ".groupby(" in line and '"name"' in line]
    assert len(grouped) == 2
    for table in (eval(line, names) for line in grouped):
        assert set(table.index.get_level_values("name")) == set(results.completed["name"])
        assert table.notna().all(axis=None)


def listed(cells: str) -> Iterator[str]:
    """Yield the functions that a cell names; `.other` is in the module of the name before it."""
    module = ""
    for name in re.findall(r"`([\w.]+)`", cells):
        module = name.partition(".")[0] or module
        yield name if not name.startswith(".") else module + name


def functions(package: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, inspect.Signature]]:
    """Yield the public functions of a package's modules whose names match, as `module.function`."""
    for path in sorted((FOLDER / package).glob("[a-z]*.py")):
        module = importlib.import_module(f"analysis.{package}.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and pattern.match(name):
                yield f"{path.stem}.{name}", inspect.signature(function)


def test_the_page_lists_every_measure_of_records_and_every_chart() -> None:
    tables = PAGE.partition("\n## Measures and charts\n")[2].partition("\n## Fronts\n")[0]
    rows = re.findall(r"^\| (`\w+\.\w+`.*?) \|", tables, re.MULTILINE)
    known = {name for cells in rows for name in listed(cells)}
    measures = {
        name
        for name, signature in functions("measures", MEASURES)
        if next(iter(signature.parameters.values())).annotation in RECORDS
    }
    drawn = {name for name, _ in functions("charts", re.compile("plot_"))}
    assert measures and drawn and (measures | drawn) - known == set()
    for name in known:
        module, function = name.split(".")
        package = charts if function.startswith("plot_") else analysis.measures
        assert getattr(package, function).__module__ == f"{package.__name__}.{module}", name


def test_every_public_name_is_there() -> None:
    for package in (charts, analysis.measures):
        assert all(getattr(package, name) is not None for name in dir(package))
    with pytest.raises(AttributeError, match=r"module 'analysis.charts' has no attribute 'plot_everything'"):
        charts.plot_everything  # noqa: B018


def test_every_chart_is_one_call() -> None:
    parts = {"curves.draw_lines", "rows.draw_upright", "text.draw_legend"}  # of charts
    drawn = {name for name, _ in functions("charts", re.compile("draw_"))} - parts
    assert {name.replace(".draw_", ".plot_") for name in drawn} == {
        name for name, _ in functions("charts", re.compile("plot_"))
    }
