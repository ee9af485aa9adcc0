"""The floor of best-minus-last: what curves without any overfitting show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.overfitting import Curve, bends, expected_maximum, floor, overfitting, scatter
from analysis.results import load

from .synthetic import Made, write_sweep


def curve(accuracy: np.ndarray, lr: np.ndarray | None = None) -> Curve:
    return Curve(accuracy, np.full(len(accuracy), 0.1) if lr is None else lr)


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, 0.0), (2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi)), (10, 1.538753), (100, 2.507594)],
)
def test_expected_maximum_of_normals(n: int, expected: float) -> None:
    assert expected_maximum(n) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("evaluations", "seeds"), [(12, 3), (24, 3), (60, 1)])
def test_flat_curves_show_their_floor_on_average(evaluations: int, seeds: int) -> None:
    rng = np.random.default_rng(0)
    shown, floors = [], []
    for _ in range(400):
        curves = [curve(0.7 + 0.01 * rng.standard_normal(evaluations)) for _ in range(seeds)]
        shown.append(np.mean([c.accuracy.max() - c.accuracy[-1] for c in curves]))
        floors.append(floor(curves))
    assert np.mean(floors) == pytest.approx(np.mean(shown), rel=0.08)


def test_a_trend_is_no_scatter() -> None:
    assert floor([curve(np.linspace(0.7, 0.6, 24))]) == pytest.approx(0, abs=1e-12)


def test_a_jump_where_the_learning_rate_drops_is_no_scatter() -> None:
    rng = np.random.default_rng(1)
    steps = np.arange(40)
    lr, jump = np.where(steps < 30, 0.1, 0.01), np.where(steps < 30, 0.0, 0.2)
    curves = [curve(0.5 + 0.005 * rng.standard_normal(40) + jump, lr) for _ in range(20)]
    assert scatter(bends(curves)) == pytest.approx(0.005, rel=0.15)
    blind = [curve(c.accuracy) for c in curves]
    assert scatter(bends(blind)) > 0.015


def test_short_curves_borrow_the_scatter_of_their_setting() -> None:
    rng = np.random.default_rng(2)
    short = [curve(0.7 + 0.01 * rng.standard_normal(6))]
    others = [curve(0.7 + 0.01 * rng.standard_normal(40)) for _ in range(10)]
    assert math.isnan(floor(short))
    assert floor(short, others) == pytest.approx(0.01 * expected_maximum(6), rel=0.25)
    assert math.isnan(floor([]))


def test_the_table_finds_overfitting_where_it_was_put(whole: Path) -> None:
    table = overfitting(load(whole)).set_index("name")
    assert len(table) == 12 and (table["n"] == 3).all()
    overfits = table.loc["label_noise 0.1 · AT 0.10 · all"]
    flat = table.loc["label_noise 0.1 · AT 0.10 · friendly 108"]
    assert overfits["robust_overfitting"] == pytest.approx(0.03, abs=0.012)
    assert overfits["robust_overfitting"] - 2 * overfits["robust_overfitting_se"] > overfits["floor"]
    assert flat["robust_overfitting"] < 2 * flat["floor"]
    assert overfits["peak"] - overfits["last"] == pytest.approx(overfits["robust_overfitting"])


def test_diverged_seeds_are_counted_and_left_out_of_the_means(tmp_path: Path) -> None:
    made = Made(subsets=("all",), methods=("AT",), noise=(0.0,), replicates=5, profile=False)
    (row,) = overfitting(load(write_sweep(tmp_path / "sweep", made))).to_dict("records")
    assert (row["n"], row["diverged"]) == (2, 1)
    assert math.isfinite(row["robust_overfitting_se"])
