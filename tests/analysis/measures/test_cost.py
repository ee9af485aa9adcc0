"""Cost of trainings against their accuracy."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.measures.cost import measure_cost
from analysis.results.sweep import load_sweep


def test_cost_counts_passes_and_seconds_of_training_alone(whole: Path) -> None:
    results = load_sweep(whole)
    table = measure_cost(results, "test_pgd_acc").set_index(["cost", "name"])
    name = results.completed["name"].iloc[0]
    row = table.loc[("passes", name)]
    assert row["x"] == 24 * (33 + 33) and row["per_example"] == pytest.approx(66 / 120)
    assert table.loc[("seconds", name), "x"] == pytest.approx(24 * 0.5), "no measurement counts"
    here = results.completed.loc[results.completed["name"] == name, "best_test_pgd_acc"]
    assert [row["mean"], row["hi"], row["n"]] == pytest.approx([here.mean(), here.mean() + here.sem(), 3])
    assert measure_cost(results, "test_unknown_acc").empty
