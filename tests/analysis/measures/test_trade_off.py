"""A trade-off of clean against robust accuracy: which of its points are on the front."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.measures.final_accuracy import measure_trade_off
from analysis.results.choice import Choice
from analysis.results.selection import select
from analysis.results.sweep import load_sweep
from trainers.objectives import non_dominated

from ..synthetic import Made, write_sweep


def test_the_front_of_a_trade_off_is_that_of_its_means(whole: Path) -> None:
    table = measure_trade_off(select([load_sweep(whole)], Choice(lines=("subset",), x="method"), 8))
    assert not any("never on a front" in note for note in table.notes)
    for _, points in table.points.groupby("panel"):
        assert points["on_front"].tolist() == non_dominated(points[["x", "mean"]].to_numpy()).tolist()


@pytest.mark.parametrize("broken", ["diverged", "constant"])
def test_a_point_with_a_diverged_or_constant_seed_is_on_no_front(tmp_path: Path, broken: str) -> None:
    made = Made(subsets=("all",), methods=("AT", "TRADES"), noise=(0.0,), replicates=4, faults=broken == "diverged")
    folder = write_sweep(tmp_path / "sweep", made)
    if broken == "constant":
        path = next(folder.glob("trials/*TRADES*seed=0/result.json"))
        result = json.loads(path.read_text())
        for checkpoint in ("best", "last"):
            result[checkpoint]["constant"] = 3
        path.write_text(json.dumps(result))
    table = measure_trade_off(select([load_sweep(folder)], Choice(lines=("subset",), x="method"), 8))
    on_front = dict(zip(table.points["label"], table.points["on_front"], strict=True))
    assert on_front == {"AT": True, "TRADES": False}  # TRADES alone would dominate
    assert any(note.startswith("1 point never on a front, as a seed diverged") for note in table.notes)
