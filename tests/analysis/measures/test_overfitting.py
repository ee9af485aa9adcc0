"""The floor of best-minus-last: what curves without any overfitting show."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from analysis.measures.overfitting import (
    AccuracyCurve,
    estimate_floor,
    estimate_scatter,
    expected_maximum,
    find_plateau,
    measure_overfitting,
    second_differences,
    sum_differences,
)
from analysis.report.data import collect_report_data
from analysis.report.tables.effects import render_subset_effects
from analysis.report.tables.overfitting import render_gaps
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep


def curve(accuracy: np.ndarray, lr: np.ndarray | None = None) -> AccuracyCurve:
    return AccuracyCurve(accuracy, np.full(len(accuracy), 0.1) if lr is None else lr)


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
        floors.append(estimate_floor(curves).gap)
    assert np.mean(floors) == pytest.approx(np.mean(shown), rel=0.08)


def test_a_trend_is_no_scatter() -> None:
    assert estimate_floor([curve(np.linspace(0.7, 0.6, 24))]).gap == pytest.approx(0, abs=1e-12)


def test_a_jump_where_the_learning_rate_drops_is_no_scatter() -> None:
    rng = np.random.default_rng(1)
    steps = np.arange(40)
    lr, jump = np.where(steps < 30, 0.1, 0.01), np.where(steps < 30, 0.0, 0.2)
    curves = [curve(0.5 + 0.005 * rng.standard_normal(40) + jump, lr) for _ in range(20)]
    assert estimate_scatter(second_differences(curves, 20)) == pytest.approx(0.005, rel=0.15)
    blind = [curve(c.accuracy) for c in curves]
    assert estimate_scatter(second_differences(blind, 20)) > 0.015


@pytest.mark.parametrize("evaluations", [16, 40])
def test_the_climb_adds_nothing_to_the_floor(evaluations: int) -> None:
    """Curves that climb for the first half and are flat after: best less last is that of the flat half alone."""
    rng = np.random.default_rng(3)
    climb = np.minimum(np.linspace(0.3, 1.1, evaluations), 0.7)
    shown, floors = [], []
    for _ in range(400):
        curves = [curve(climb + 0.005 * rng.standard_normal(evaluations)) for _ in range(3)]
        shown.append(np.mean([c.accuracy.max() - c.accuracy[-1] for c in curves]))
        floors.append(estimate_floor(curves).gap)
    assert np.mean(floors) == pytest.approx(np.mean(shown), rel=0.08)
    assert np.mean(floors) < 0.93 * 0.005 * expected_maximum(evaluations)


def test_the_plateau_begins_where_the_mean_over_seeds_has_climbed_and_holds_the_decline() -> None:
    rng = np.random.default_rng(4)
    shape = np.concatenate([np.linspace(0.3, 0.68, 8), np.full(4, 0.7), np.linspace(0.7, 0.6, 12)])
    curves = [curve(shape + 0.002 * rng.standard_normal(24)) for _ in range(3)]
    assert find_plateau(curves) == 8 and estimate_floor(curves).evaluations == 16


def test_a_configuration_has_the_floor_of_its_own_scatter() -> None:
    rng = np.random.default_rng(5)
    calm, wild = ([curve(0.7 + s * rng.standard_normal(24)) for _ in range(3)] for s in (0.002, 0.02))
    others = sum_differences(np.concatenate([second_differences(calm, 0), second_differences(wild, 0)]))
    for curves, s in ((calm, 0.002), (wild, 0.02)):
        found = estimate_floor(curves, others)
        assert not found.borrowed and found.gap == pytest.approx(s * expected_maximum(24), rel=0.3)


def test_short_curves_borrow_the_scatter_of_their_setting() -> None:
    rng = np.random.default_rng(2)
    short = [curve(0.7 + 0.01 * rng.standard_normal(4))]
    others = sum_differences(second_differences([curve(0.7 + 0.01 * rng.standard_normal(40)) for _ in range(10)], 0))
    assert math.isnan(estimate_floor(short).gap) and estimate_floor(short).evaluations == 4
    lent = estimate_floor(short, others)
    assert lent.borrowed and lent.gap == pytest.approx(0.01 * expected_maximum(4), rel=0.25)
    assert math.isnan(estimate_floor([]).gap)


def test_the_table_finds_overfitting_where_it_was_put(whole: Path) -> None:
    table = measure_overfitting(load_sweep(whole)).set_index("name")
    assert len(table) == 12 and (table["n"] == 3).all()
    overfits = table.loc["label_noise 0.1 · AT 0.10 · all"]
    flat = table.loc["label_noise 0.1 · AT 0.10 · friendly 108"]
    assert overfits["robust_overfitting"] == pytest.approx(0.03, abs=0.012)
    assert overfits["robust_overfitting"] - 2 * overfits["robust_overfitting_se"] > overfits["floor"]
    assert flat["robust_overfitting"] < 2 * flat["floor"]
    assert overfits["peak"] - overfits["last"] == pytest.approx(overfits["robust_overfitting"])


def test_diverged_seeds_are_counted_and_left_out_of_the_means(tmp_path: Path) -> None:
    made = Made(subsets=("all",), methods=("AT",), noise=(0.0,), replicates=5, profile=False)
    (row,) = measure_overfitting(load_sweep(write_sweep(tmp_path / "sweep", made))).to_dict("records")
    assert (row["n"], row["diverged"]) == (2, 1)
    assert math.isfinite(row["robust_overfitting_se"])


def test_a_trial_whose_curve_is_lost_has_no_best_epoch_rather_than_no_overfitting(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.0,), faults=False, profile=False))
    lost, *_ = sorted(folder.glob("trials/*/epochs.jsonl"))
    lost.write_text("")
    trials = load_sweep(folder).study_trials.set_index("id")
    assert math.isnan(trials.loc[lost.parent.name, "peak_test_pgd_acc"])
    assert math.isnan(trials.loc[lost.parent.name, "robust_overfitting"])
    assert (trials.drop(lost.parent.name)["robust_overfitting"] >= 0).all()


@pytest.mark.parametrize("rest", [0, 6], ids=["whole", "from the seventh epoch on"])
def test_gaps_stand_beside_accuracies_of_the_same_seeds(tmp_path: Path, rest: int) -> None:
    """Of three seeds one lost its curve, or the end of it: what is left of the others is compared."""
    made = Made(noise=(0.1,), methods=("AT 0.10",), subsets=("all",), faults=False, profile=False)
    folder = write_sweep(tmp_path / "sweep", made)
    lost, *_ = sorted(folder.glob("trials/*/epochs.jsonl"))
    lost.write_text("".join(lost.read_text().splitlines(keepends=True)[:rest]))
    results = load_sweep(folder)
    (row,) = measure_overfitting(results).to_dict("records")
    assert row["n"] == 2
    assert row["peak"] - row["last"] == pytest.approx(row["robust_overfitting"])
    assert row["selected"] - row["last"] == pytest.approx(row["robust_overfitting_val"])
    others = results.study_trials[results.study_trials["id"] != lost.parent.name]
    assert row["last"] == pytest.approx(others["last_test_pgd_acc"].mean())
    (table,) = render_gaps(collect_report_data(results))
    assert "<td>2</td>" in table and "<td>3</td>" not in table


def test_every_difference_names_its_attack(whole: Path) -> None:
    found = collect_report_data(load_sweep(whole))
    heads = "".join(re.findall("<thead>.*?</thead>", "".join([*render_gaps(found), *render_subset_effects(found)])))
    differences = re.findall("<th>([^<]* − [^<]*)</th>", heads)
    assert len(differences) == 4 and all(it.endswith(", PGD\N{NON-BREAKING HYPHEN}10") for it in differences)
