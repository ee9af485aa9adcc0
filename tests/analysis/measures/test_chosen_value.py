"""The value that validation chooses: what it reads, what it is worth on seeds and images that did not choose it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.choose import HEADER, main
from analysis.exceptions import SweepError
from analysis.measures.chosen_value import VALIDATION, _choose, choose_values
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

TEST = "best_test_aa_acc"
SIZED = Made(subsets=("all", "friendly 108", "friendly 96", "random 96"), noise=(0.1,), faults=False, profile=False)


def tabulate(val: list[list[float]], test: list[list[float]]) -> pd.DataFrame:
    """Return a row for each value, named a, b, ..., and seed."""
    rows = [
        {"value": chr(ord("a") + place), "replicate": seed, VALIDATION: v, TEST: t}
        for place, (vals, tests) in enumerate(zip(val, test, strict=True))
        for seed, (v, t) in enumerate(zip(vals, tests, strict=True))
    ]
    return pd.DataFrame(rows)


def test_a_choice_by_hand() -> None:
    """b has the best mean, .7; without seed 0, on which it is far ahead, the others choose a, of .5 there."""
    val = [[0.5, 0.7, 0.6], [1.0, 0.5, 0.6]]
    test = [[0.4, 0.5, 0.6], [0.3, 0.3, 0.3]]
    found = _choose(tabulate(val, test), TEST, VALIDATION)
    assert (found["chosen"], found["values"], found["n"]) == ("b", 2, 3)
    assert found["validation"] == pytest.approx(0.7)
    assert found["corrected"] == pytest.approx((0.5 + 0.5 + 0.6) / 3)
    assert found["optimism"] == pytest.approx(0.7 - 1.6 / 3)
    assert (found["test"], found["se"]) == (pytest.approx(0.3), pytest.approx(0.0))
    assert (found["hindsight"], found["best_test"]) == ("a", pytest.approx(0.5))


def test_one_seed_cannot_say_what_the_choice_costs() -> None:
    found = _choose(tabulate([[0.5], [0.6]], [[0.4], [0.3]]), TEST, VALIDATION)
    assert found["chosen"] == "b" and np.isnan(found["corrected"]) and np.isnan(found["optimism"])  # type: ignore[call-overload]


@pytest.mark.long
def test_a_choice_among_equals_reads_too_high_and_its_correction_does_not() -> None:
    """Nine values that are equal, seeds of a standard deviation of 1: their best mean of three is .86 too high."""
    rng = np.random.default_rng(0)
    found = [_choose(tabulate(*rng.normal(size=(2, 9, 3)).tolist()), TEST, VALIDATION) for _ in range(300)]
    read, corrected = (np.array([row[key] for row in found], float) for key in ("validation", "corrected"))
    assert read.mean() == pytest.approx(1.485 / np.sqrt(3), abs=0.06)  # the expected maximum of nine normals is 1.485
    assert corrected.mean() == pytest.approx(0, abs=3 * corrected.std() / np.sqrt(300))


def test_sizes_are_chosen_in_each_kind_of_subset(tmp_path: Path) -> None:
    sweep = load_sweep(write_sweep(tmp_path / "sizes", SIZED))
    found = choose_values(sweep, "subset.size", TEST)
    assert found["group"].str.endswith("friendly").all(), "random has one size, and all is no size"
    trials = sweep.completed[sweep.completed["subset_kind"] == "friendly"]
    for row in found.itertuples():
        family = next(name for name in trials["family"].unique() if name in row.group)
        means = trials[trials["family"] == family].groupby("subset_size")[[VALIDATION, TEST]].mean()
        assert float(row.chosen) == means[VALIDATION].idxmax()
        assert row.test == pytest.approx(means.loc[float(row.chosen), TEST])


def test_any_axis_may_be_chosen_over(tmp_path: Path) -> None:
    sweep = load_sweep(write_sweep(tmp_path / "sizes", SIZED))
    found = choose_values(sweep, "method", TEST)
    assert set(found["group"]) >= {"all", "friendly 108"} and (found["values"] == 2).all()


def test_an_axis_of_one_value_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    sweep = load_sweep(write_sweep(tmp_path / "sizes", SIZED))
    with pytest.raises(SweepError, match=r"model has no two values to choose from; axes: subset\.size, "):
        choose_values(sweep, "model", TEST)


def test_the_command_prints_the_choice_with_its_attacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_sweep(tmp_path / "sizes", SIZED)
    monkeypatch.setenv("COLUMNS", "80")
    assert main([str(folder)]) == 0
    out = capsys.readouterr().out
    found = choose_values(load_sweep(folder), "subset.size", TEST)
    assert {*found["group"]} <= {*out.splitlines()}, "the name of a group is not folded"
    assert max(map(len, out.splitlines())) <= 80
    printed = " ".join(out.split())
    assert all(f"{name}: " in printed for name in HEADER if name not in ("chosen", "seeds"))
    assert " they " not in printed, "every column says what it is of"
    assert "all examples are not among them" in printed
    assert "subset.size chosen by " in printed and "AutoAttack" in printed and "seeds that did not choose it" in printed
    assert main([str(folder), "--over", "nothing"]) == 2
    assert "nothing has no two values to choose from" in capsys.readouterr().err
