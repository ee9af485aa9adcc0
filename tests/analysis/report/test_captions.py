"""Captions are true of few seeds, of none, and of what has not ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.report.captions import describe_certainty, describe_curves, describe_drops, describe_front
from analysis.report.data import ReportData, collect_report_data
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

pytestmark = pytest.mark.long

SMALL = Made(methods=("AT",), subsets=("all",), replicates=2, profile=False, faults=False)


def collect(folder: Path, made: Made, *removed: str) -> ReportData:
    """Collect the data of a sweep that lacks the results of some trials."""
    write_sweep(folder, made)
    for name in removed:
        for path in folder.glob(f"trials/{name}/result.json"):
            path.unlink()
    return collect_report_data(load_sweep(folder))


def test_curves_of_one_seed_have_neither_error_nor_median(tmp_path: Path) -> None:
    one, two = (describe_curves(collect(tmp_path / str(n), replace(SMALL, replicates=n)), "") for n in (1, 2))
    assert "±" in two and "(median)" in two and "mean of 2 seeds" in two
    assert "±" not in one and "(median)" not in one and "that validation selected." in one


def test_curves_whose_learning_rate_never_drops_announce_no_drop() -> None:
    assert "learning rate drops" in describe_drops({"curves": {"drops": {"one": [], "two": [4]}}})
    assert describe_drops({"curves": {"drops": {"one": [], "two": []}}}) == ""


def test_curves_of_trainings_that_did_not_complete_are_of_those(tmp_path: Path) -> None:
    text = describe_curves(collect(tmp_path / "none", SMALL, "*"), "")
    assert "mean of its trainings, none of which completed" in text and "0 seeds" not in text


def test_what_a_front_lacks_is_said_of_its_panel(tmp_path: Path) -> None:
    for removed, words in (
        ("*0.1*seed=1", "label_noise 0.1: not finished: 1 of 2 trials without a result."),
        ("*seed=1", "In each panel not finished: 1 of 2 trials without a result."),
    ):
        found = collect(tmp_path / removed[1:], SMALL, removed)
        assert found.front is not None and words in describe_front(found.front)


def test_what_the_seeds_of_a_front_prove_is_said_of_each_panel(tmp_path: Path) -> None:
    """Three seeds reach the first look; with two nothing is sure, and with one nothing is said."""
    made = replace(SMALL, subsets=("all", "friendly 96"))
    texts = []
    for seeds in (1, 2, 3):
        found = collect(tmp_path / str(seeds), replace(made, replicates=seeds))
        assert found.front is not None
        texts.append(describe_certainty(found.front))
    assert texts[0] == []
    *each, advice = texts[1]
    assert len(each) == 2 and all("Nothing is sure: verdicts need 3 seeds " in text for text in each)
    assert advice.startswith("What is open takes more seeds")
    *each, shared = texts[2]
    assert len(each) == 2 and each[0].startswith("label_noise 0.0: ") and "surely on, " in each[0]
    assert shared.startswith("All verdicts together are wrong with probability at most 5 %")
