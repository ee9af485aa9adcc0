"""Selection windows: peaks, floors and captions are of the window, and a best within a burn-in is marked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.markdown import render_caption, render_table
from analysis.measures.front import compute_fronts
from analysis.measures.overfitting import measure_overfitting
from analysis.report.configurations import tabulate_configurations
from analysis.report.data import collect_report_data
from analysis.report.findings import list_findings
from analysis.results.gaps import describe_checkpoint, describe_window
from analysis.results.sweep import load_sweep
from trainers.best import BEGINS

from ..synthetic import Made, write_sweep

MADE = Made(noise=(0.1,), methods=("AT 0.10", "GAIRAT 0.10"), subsets=("all",), profile=False, faults=False)


def change(folder: Path, trials: str, first: int = 0, burn_in: int = 0, best: int | None = None) -> None:
    """Give trials, by a glob, a window, a burn-in, and a best epoch with the numbers of that epoch."""
    for place in folder.glob(f"trials/{trials}"):
        rows = [json.loads(line) for line in (place / "epochs.jsonl").read_text().splitlines()]
        if first:
            rows[first][BEGINS] = first
        (place / "epochs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = json.loads((place / "result.json").read_text())
        if burn_in:
            result["burn_in"] = burn_in
        if best is not None:
            result["best"] |= {"epoch": best}
        (place / "result.json").write_text(json.dumps(result))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweep", MADE)


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Return robust test accuracy of each trial by epoch."""
    epochs = load_sweep(folder).epochs.dropna(subset=["test_pgd_acc"])
    return {
        str(name): dict(zip(rows["epoch"], rows["test_pgd_acc"], strict=True)) for name, rows in epochs.groupby("id")
    }


def test_best_less_last_is_of_the_window(folder: Path) -> None:
    change(folder, "*GAIRAT*", first=16)
    trials = load_sweep(folder).study_trials.set_index("id")
    for name, curve in curves(folder).items():
        first = 16 if "GAIRAT" in name else 0
        peak = max(accuracy for epoch, accuracy in curve.items() if epoch >= first)
        assert trials.loc[name, "peak_test_pgd_acc"] == pytest.approx(peak)
        assert trials.loc[name, "robust_overfitting"] == pytest.approx(peak - curve[23])
    gaps = measure_overfitting(load_sweep(folder)).set_index("family")
    whole = measure_overfitting(load_sweep(write_sweep(folder.parent / "whole", MADE))).set_index("family")
    assert gaps.loc["GAIRAT 0.10", "floor_evaluations"] <= 4 < whole.loc["GAIRAT 0.10", "floor_evaluations"]
    assert gaps.loc["AT 0.10", "floor"] == whole.loc["AT 0.10", "floor"]


def test_captions_say_from_where_on_validation_selects(folder: Path) -> None:
    results = load_sweep(folder)
    assert (
        describe_window(results.study_trials) == ""
        and describe_checkpoint("best", results.study_trials) == "validation-selected epoch"
    )
    assert "selected: the epoch that validation selects; best on test: the highest of all epochs" in render_caption(
        results
    )
    change(folder, "*GAIRAT*", first=16)
    results = load_sweep(folder)
    text = render_caption(results)
    assert (
        "selected: the epoch that validation selects from epoch 0 to 16 on, by configuration; best on test: the highest"
        in text
    )
    assert "the highest of the same epochs" in text
    (panel,) = compute_fronts([results]).panels
    assert "at the validation-selected epoch (from epoch 0 to 16 on, by configuration)." in panel.note
    change(folder, "*AT*", first=16)
    assert (
        describe_checkpoint("best", load_sweep(folder).study_trials) == "validation-selected epoch (from epoch 16 on)"
    )
    assert describe_checkpoint("last", load_sweep(folder).study_trials) == "last epoch"
    assert set(load_sweep(folder).trials["select_from"]) == {16}


def test_a_best_within_its_own_burn_in_is_marked_wherever_it_is_named(folder: Path) -> None:
    change(folder, "*GAIRAT*", burn_in=12, best=13)
    assert "burn-in" not in render_table(tabulate_configurations([load_sweep(folder)]))
    for path in sorted(folder.glob("trials/*GAIRAT*"))[:2]:
        change(folder, path.name, best=11)
    results = load_sweep(folder)
    assert "`GAIRAT 0.10 (2 of 3 selected within its burn-in)`" in render_table(tabulate_configurations([results]))
    found = dict(list_findings(collect_report_data(results)))["Selected within a burn-in"]
    assert "trial.select: {from: burn-in}" in found and found.endswith("Number of trainings: GAIRAT 0.10 (2).")
