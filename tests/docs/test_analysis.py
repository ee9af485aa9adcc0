"""The table and the example of diagnostics on the page of analysis, run on a made-up sweep."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.results.sweep import Sweep, load_sweep

from ..analysis.synthetic import ATTACKS, Made, write_sweep

pytestmark = pytest.mark.long
PAGE = Path(analysis.__file__).with_name("README.md").read_text(encoding="utf-8").partition("\n## Diagnostics\n")[2]
SECTION = PAGE.partition("\n## ")[0]
ROWS = re.findall(r"^\| `(\w+)\.(\w+)` \|([^|]*)\|([^|]*)\|", SECTION, re.MULTILINE)
MORE: dict[str, tuple[str, ...]] = {"count_examples": ("t_y",), "measure_cost": ("test_pgd_acc",)}
TIDY = {"mean", "lo", "hi", "n", "interval"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    attacks = ATTACKS | {"aa": "AutoAttack standard, linf, epsilon 0.1"}
    made = Made(noise=(0.1,), faults=False, instances=True, diagnostics=True, train=True, attacks=attacks)
    return load_sweep(write_sweep(tmp_path_factory.mktemp("diagnostics") / "sweep", made))


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


def test_the_example_of_the_page_draws(results: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(SECTION.partition("```python\n")[2].partition("```")[0], {"results": results})
    assert (tmp_path / "weights.pdf").stat().st_size > 5_000
