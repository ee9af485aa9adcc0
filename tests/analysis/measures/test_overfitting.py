"""The table of overfitting: its quantities are of the same seeds, and diverged and lost ones are counted."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from analysis.measures.overfitting import find_overfitting, measure_overfitting
from analysis.report.data import collect_report_data
from analysis.report.tables.effects import render_subset_effects
from analysis.report.tables.overfitting import render_gaps
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep


def test_the_table_finds_overfitting_where_it_was_put(whole: Path) -> None:
    table = measure_overfitting(load_sweep(whole)).set_index("name")
    assert len(table) == 12 and (table["n"] == 3).all()
    overfits = table.loc["label_noise 0.1 · AT 0.10 · all"]
    flat = table.loc["label_noise 0.1 · AT 0.10 · friendly 108"]
    assert overfits["robust_overfitting"] == pytest.approx(0.03, abs=0.012)
    assert overfits["robust_overfitting"] > 2 * overfits["floor"] and overfits["fall_lo"] > 0
    assert flat["robust_overfitting"] < 2 * flat["floor"] and flat["fall_lo"] < 0
    assert find_overfitting(table.reset_index()).tolist() == (table["fall_lo"] > 0).tolist()
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


@pytest.mark.long
def test_every_difference_names_its_attack(whole: Path) -> None:
    found = collect_report_data(load_sweep(whole))
    heads = "".join(re.findall("<thead>.*?</thead>", "".join([*render_gaps(found), *render_subset_effects(found)])))
    differences = re.findall("<th>([^<]* − [^<]*)</th>", heads)
    assert len(differences) == 4 and all(head.endswith(", PGD\N{NON-BREAKING HYPHEN}10") for head in differences)
