"""Differences are paired by seed, at equal everything else and, between subsets, at equal size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.measures.differences import compare_axis, compare_subsets, find_uncompared
from analysis.results.sweep import Sweep, load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import Made, write_study, write_sweep

METRIC = "last_test_aa_acc"


def test_each_subset_is_compared_with_all_and_with_chance_of_its_size(whole: Path) -> None:
    table = compare_subsets(load_sweep(whole), [METRIC])
    pairs = set(zip(table["minuend"], table["subtrahend"], strict=True))
    assert pairs == {("friendly 108", "random 108"), ("friendly 108", "all"), ("random 108", "all")}
    assert len(table) == 3 * 4  # in each of two settings and two methods
    assert (table["n"] == 3).all()


def test_sizes_are_not_mixed(tmp_path: Path) -> None:
    made = Made(subsets=("friendly 108", "friendly 96", "random 96"), noise=(0.1,), faults=False, profile=False)
    table = compare_subsets(load_sweep(write_sweep(tmp_path / "sizes", made)), [METRIC])
    assert set(zip(table["minuend"], table["subtrahend"], strict=True)) == {("friendly 96", "random 96")}


def test_a_difference_is_the_mean_over_seeds_of_both_trials_of_one_seed(whole: Path) -> None:
    results = load_sweep(whole)
    table = compare_subsets(results, [METRIC])
    found = table[(table["setting"] == "label_noise 0.1") & (table["family"] == "AT 0.10")]
    row: Any = found.set_index(["minuend", "subtrahend"]).loc[("friendly 108", "random 108")]
    here = results.study_trials[
        (results.study_trials["data.label_noise"] == "0.1") & (results.study_trials["method"] == "AT 0.10")
    ]
    wide = here.pivot(index="replicate", columns="subset", values=METRIC)
    gaps = wide["friendly 108"] - wide["random 108"]
    assert row["mean"] == pytest.approx(gaps.mean())
    assert row["se"] == pytest.approx(gaps.sem())
    assert row["mean"] == pytest.approx(0.06, abs=0.01)  # what was put there


def test_only_seeds_that_both_completed_are_paired(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), methods=("AT 0.10",), replicates=4)  # random: one seed of four completed
    table = compare_subsets(load_sweep(write_sweep(tmp_path / "few", made)), [METRIC])
    count = table.set_index(["minuend", "subtrahend"])["n"]
    assert count[("friendly 108", "all")] == 4
    assert count[("friendly 108", "random 108")] == 1


def test_any_axis_is_compared_with_its_first_label(whole: Path) -> None:
    table = compare_axis(load_sweep(whole), "method", [METRIC, "no such metric"])
    assert set(table["minuend"]) == {"TRADES 0.10"} and set(table["subtrahend"]) == {"AT 0.10"}
    assert len(table) == 6 and set(table["metric"]) == {METRIC}
    assert set(table["family"]) == {"all", "friendly 108", "random 108"}


def test_numbers_are_compared_with_the_least_whatever_a_space_writes(tmp_path: Path) -> None:
    results = load_sweep(write_study(tmp_path / "lam", "method.weight.lam", ("inf", 1, -1)))
    table = compare_axis(results, "method.weight.lam", [METRIC])
    assert table["minuend"].tolist() == ["lam 1", "lam inf"] and set(table["subtrahend"]) == {"lam -1"}
    wide = results.study_trials.pivot(index="replicate", columns="method.weight.lam", values=METRIC)
    assert table["mean"].tolist() == pytest.approx([(wide[label] - wide["-1"]).mean() for label in ("1", "inf")])
    assert (table["n"] == 3).all()


def test_without_a_subset_axis_there_is_nothing_to_compare(tmp_path: Path) -> None:
    made = Made(subsets=("all",), faults=False, profile=False)
    assert compare_subsets(load_sweep(write_sweep(tmp_path / "plain", made)), [METRIC]).empty


def conditional(folder: Path, rates: dict[str, tuple[str, ...]], made: Made) -> Path:
    """Return a sweep whose learning rate is an axis under some methods alone (`when`), each with its values there."""
    plan = read_json(write_sweep(folder, made) / "plan.json")
    plan["axes"].append("optimizer.lr")
    for trial in plan["trials"]:
        method, _, number = trial["axes"]["method"].partition(" #")
        trial["axes"]["method"] = method
        if method in rates:
            trial["axes"]["optimizer.lr"] = rates[method][int(number or 0)]
            trial["values"]["optimizer.lr"] = float(trial["axes"]["optimizer.lr"])
    write_json(folder / "plan.json", plan)
    return folder


def test_an_axis_that_one_method_alone_has_hinders_no_comparison_of_methods(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), methods=("AT", "TRADES #0", "TRADES #1"), subsets=("all",), faults=False, profile=False)
    results = load_sweep(conditional(tmp_path / "when", {"TRADES": ("0.05", "0.01")}, made))
    table = compare_axis(results, "method", [METRIC])
    assert sorted(table["minuend"]) == ["TRADES · lr 0.01", "TRADES · lr 0.05"]
    assert set(table["subtrahend"]) == {"AT"} and (table["n"] == 3).all()
    one = results.study_trials[results.study_trials["optimizer.lr"] == "0.05"].set_index("replicate")[METRIC]
    plain = results.study_trials[results.study_trials["method"] == "AT"].set_index("replicate")[METRIC]
    found = table.set_index("minuend").loc["TRADES · lr 0.05"]
    assert found["mean"] == pytest.approx((one - plain).mean()) and found["se"] == pytest.approx((one - plain).sem())
    assert find_uncompared(results, "method", table) == []
    rates = compare_axis(results, "optimizer.lr", [METRIC])
    assert (rates["minuend"].tolist(), rates["subtrahend"].tolist()) == (["lr 0.05"], ["lr 0.01"])
    assert rates["family"].tolist() == ["TRADES"]


def test_a_conditional_axis_that_both_values_have_is_held_equal(tmp_path: Path) -> None:
    methods = ("AT", "MART #0", "MART #1", "TRADES #0", "TRADES #1")
    made = Made(noise=(0.1,), methods=methods, subsets=("all",), faults=False, profile=False)
    rates = {"MART": ("0.05", "0.1"), "TRADES": ("0.05", "0.1")}
    results = load_sweep(conditional(tmp_path / "when", rates, made))
    trials = results.study_trials[results.study_trials["method"] != "AT"]
    table = compare_axis(replace_trials(results, trials), "method", [METRIC])
    pairs = set(zip(table["family"], table["minuend"], table["subtrahend"], strict=True))
    assert pairs == {("lr 0.05", "TRADES", "MART"), ("lr 0.1", "TRADES", "MART")}
    whole = compare_axis(results, "method", [METRIC])
    assert set(whole["subtrahend"]) == {"AT"} and len(whole) == 4


def test_a_value_without_a_comparison_is_named(tmp_path: Path) -> None:
    """Two methods that were never trained on the same subset."""
    made = Made(noise=(0.1,), methods=("AT", "MART", "TRADES"), subsets=("all", "random 108"), faults=False)
    results = load_sweep(write_sweep(tmp_path / "apart", made))
    trials = results.study_trials
    kept = trials[(trials["method"] == "TRADES") == (trials["subset"] == "random 108")]
    results = replace_trials(results, kept)
    table = compare_axis(results, "method", [METRIC])
    assert set(table["minuend"]) == {"MART"} and find_uncompared(results, "method", table) == ["TRADES"]


def replace_trials(results: Sweep, trials: pd.DataFrame) -> Sweep:
    """Return the same sweep with some of its trials alone."""
    return replace(results, labelled=trials)
