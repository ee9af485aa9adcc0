"""Generalisation gaps under one attack, and the cross-generalisation gap."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.measures.generalization import (
    measure_cross_generalization,
    measure_gap_curves,
    measure_generalization,
)
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

MADE = Made(noise=(0.1,), subsets=("all", "friendly 96"), profile=False, faults=False, train=True)


def test_the_gap_is_between_accuracies_under_one_attack_along_training(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "sweep", MADE))
    curves = measure_gap_curves(results)
    done = results.completed[results.completed["name"] == "AT 0.10 · all"]
    rows = results.epochs[results.epochs["id"].isin(done["id"]) & (results.epochs["epoch"] == 11)]
    gaps = (rows["train_pgd_acc"] - rows["test_pgd_acc"]).to_numpy()
    (row,) = curves[(curves["name"] == "AT 0.10 · all") & (curves["epoch"] == 11)].to_dict("records")
    assert (row["mean"], row["n"]) == (pytest.approx(gaps.mean()), 3)
    assert row["hi"] - row["mean"] == pytest.approx(gaps.std(ddof=1) / np.sqrt(3))
    assert set(curves["epoch"]) == set(range(1, 24, 2))


def test_the_gap_is_measured_at_both_checkpoints_and_is_the_trials_own_at_the_last(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "sweep", MADE))
    table = measure_generalization(results).set_index(["name", "checkpoint"])
    done = results.completed[results.completed["name"] == "AT 0.10 · all"]
    assert table.loc[("AT 0.10 · all", "last"), "mean"] == pytest.approx(done["generalization_gap"].mean())
    best = results.epochs.merge(done[["id", "best_epoch"]], left_on=["id", "epoch"], right_on=["id", "best_epoch"])
    chosen = (best["train_pgd_acc"] - best["test_pgd_acc"]).mean()
    assert table.loc[("AT 0.10 · all", "best"), "mean"] == pytest.approx(chosen)


def test_training_accuracy_under_the_own_attack_makes_no_gap(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "sweep", replace(MADE, train=False)))
    assert "train_robust_acc" in results.epochs
    assert measure_gap_curves(results).empty and measure_generalization(results).empty


def test_the_cross_gap_is_clean_accuracy_of_standard_less_adversarial_training_on_one_subset(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", replace(MADE, methods=("standard", "AT", "TRADES")))
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        attack = "none" if trial["axes"]["method"] == "standard" else "pgd"
        trial["config"]["method"] = {"attack": {"name": attack}}
    (folder / "plan.json").write_text(json.dumps(plan))
    results = load_sweep(folder)
    table = measure_cross_generalization(results)
    assert len(table) == 8 and set(table["standard"]) == {"standard · all", "standard · friendly 96"}
    done = results.completed.set_index(["name", "replicate"])["last_test_clean_acc"]
    gaps = done["standard · friendly 96"] - done["AT · friendly 96"]
    here = table[(table["name"] == "AT · friendly 96") & (table["checkpoint"] == "last")].iloc[0]
    assert (here["mean"], here["n"], here["size"]) == (pytest.approx(gaps.mean()), 3, 96)
    assert measure_cross_generalization(load_sweep(write_sweep(tmp_path / "none", MADE))).empty


def test_a_knob_that_acts_for_one_adversarial_method_alone_does_not_part_it_from_standard_training(
    tmp_path: Path,
) -> None:
    folder = write_sweep(tmp_path / "sweep", replace(MADE, methods=("standard", "AT", "TRADES"), subsets=("all",)))
    plan = json.loads((folder / "plan.json").read_text())
    plan["axes"].append("optimizer.lr")
    for trial in plan["trials"]:
        method = trial["axes"]["method"]
        trial["config"]["method"] = {"attack": {"name": "none" if method == "standard" else "pgd"}}
        if method != "standard":
            trial["axes"]["optimizer.lr"] = "0.05" if method == "TRADES" else "0.1"
            trial["values"]["optimizer.lr"] = float(trial["axes"]["optimizer.lr"])
    (folder / "plan.json").write_text(json.dumps(plan))
    table = measure_cross_generalization(load_sweep(folder))
    assert set(table["family"]) == {"AT · lr 0.1", "TRADES · lr 0.05"} and set(table["n"]) == {3}
