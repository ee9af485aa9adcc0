"""The numbers of a block are those of the tables: trials, curves, fronts, differences, and accuracy by class."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.measures.families import tabulate_families
from analysis.report.block import build_block, curves
from analysis.report.data import ReportData, collect_frames, collect_report_data
from analysis.results.sweep import load_sweep
from analysis.results.table_files import write_table
from trainers.objectives import non_dominated

from ...measures.test_classes import ONE, with_classes
from ...synthetic import Made, write_sweep


@pytest.fixture(scope="module")
def block(report: ReportData) -> dict[str, Any]:
    return build_block(report)


def decode(block: dict[str, Any], column: str) -> np.ndarray:
    """Return a column of curves as the scripts read it: trainings by evaluations, NaN where nothing was measured."""
    found = np.frombuffer(b64decode(block["curves"][column]), "<u2").reshape(-1, len(block["curves"]["epoch"]))
    return np.where(found == curves.MISSING, np.nan, found / curves.SCALE)


def test_trials_are_those_of_trials_csv(report: ReportData, block: dict[str, Any], tmp_path: Path) -> None:
    (path,) = write_table(collect_frames(report)["trials"], tmp_path, "trials", ["csv"])
    table = pd.read_csv(path)
    table = table[table["kind"] == "trial"].reset_index(drop=True)
    assert block["trials"]["id"] == table["id"].tolist() and block["trials"]["replicate"] == table["replicate"].tolist()
    names = [block["configurations"]["configuration"][place] for place in block["trials"]["configuration"]]
    assert names == table["configuration"].tolist()
    numbers = [name for name in block["trials"] if name not in ("id", "configuration", "replicate")]
    assert {f"{end}_{metric}" for end in ("best", "last") for metric in block["metrics"]} < {*numbers}
    for name in numbers:
        written = table.get(name, pd.Series(np.nan, table.index))
        drawn = np.array(block["trials"][name], float)
        np.testing.assert_allclose(drawn, written, rtol=0, atol=5.1e-7, err_msg=name)
    assert sum(value is None for value in block["trials"]["last_test_pgd20_acc"]) == 3  # diverged, torn and crashed


def test_masking_gap_is_that_of_the_checkpoint(tmp_path: Path) -> None:
    folder = with_classes(tmp_path / "sweep", ONE)
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        result["best"]["test_aa_gap"], result["last"]["test_aa_gap"] = 0.02, 0.03
        path.write_text(json.dumps(result))
    assert set(build_block(collect_report_data(load_sweep(folder)))["trials"]["gradient_masking_gap"]) == {0.02}


def test_curves_are_those_of_the_epochs(report: ReportData, block: dict[str, Any]) -> None:
    epochs = report.results.epochs.set_index(["id", "epoch"])
    assert block["curves"]["epoch"] == [*range(1, 24, 2)]
    columns = ["test_pgd_acc", "test_clean_acc", "val_pgd_acc", "val_clean_acc", "train_robust_acc"]
    assert [*block["curves"]["titles"]] == columns
    for column in columns:
        found = decode(block, column)
        assert len(found) == len(block["trials"]["id"])
        for trial, row in zip(block["trials"]["id"], found, strict=True):
            measured = [epochs[column].get((trial, at), np.nan) for at in block["curves"]["epoch"]]
            np.testing.assert_allclose(row, measured, rtol=0, atol=5.1e-5)
    torn = report.results.study_trials["status"].tolist().index("begun")
    assert np.isnan(decode(block, "test_pgd_acc")[torn, 1:]).all()


def test_curve_passes_through_the_selected_epoch(block: dict[str, Any]) -> None:
    drawn, epochs = decode(block, "test_pgd_acc"), block["curves"]["epoch"]
    for row, (best, accuracy) in enumerate(
        zip(block["trials"]["best_epoch"], block["trials"]["best_test_pgd_acc"], strict=True)
    ):
        if best is not None:
            assert drawn[row, epochs.index(best)] == pytest.approx(accuracy, abs=5.1e-5)


def test_front_of_the_drawn_numbers_is_the_marked_one(report: ReportData, block: dict[str, Any]) -> None:
    found = block["configurations"]
    means = pd.DataFrame(block["trials"]).groupby("configuration")[[f"best_{block['x']}", f"best_{block['y']}"]].mean()
    whole = [status == "completed" for status in found["status"]]
    for setting in block["settings"]:
        places = [at for at, other in enumerate(found["setting"]) if other == setting and whole[at]]
        front = {places[at] for at in np.flatnonzero(non_dominated(means.loc[places].to_numpy()))}
        assert front == {at for at in places if found["on_front"][at]} != set()
    points = pd.concat([panel.points for panel in report.front.panels]).set_index("configuration")
    for flag in ("on_front", "knee", "selected"):
        assert {*points.index[points[flag]]} == {
            name for name, known in zip(found["configuration"], found[flag], strict=True) if known
        }
    assert any(found["selected"]) and found["n"] == [3] * 11 + [0]


def test_effects_are_those_of_the_families_in_points(report: ReportData, block: dict[str, Any]) -> None:
    assert block["effects"][0]["title"] == report.answering.title == "friendly against random"
    assert len({family["family"] for family in block["effects"]}) == len(report.families)
    table = tabulate_families(report.families)
    for family in block["effects"]:
        rows = table[table["title"] == family["title"]]
        assert family["m"] == len(rows) == len(family["rows"]) and family["df"] == rows["df"].iloc[0]
        for name in ("mean", "se", "lo", "hi"):
            drawn = [row[name] for row in family["rows"]]
            np.testing.assert_allclose(np.array(drawn, float), 100 * rows[name], atol=5.1e-5)
        assert [row["told"] for row in family["rows"]] == rows["told"].tolist()
        more = [None if np.isnan(n) else 1001 if np.isinf(n) else int(n) for n in rows["more"]]
        assert [row["more"] for row in family["rows"]] == more
    assert any(row["told"] for family in block["effects"] for row in family["rows"])


def test_accuracy_by_class_is_in_percent_and_by_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"kind of {label}" for label in range(10)]
    report = collect_report_data(load_sweep(with_classes(tmp_path / "sweep", ONE, names=names)))
    found = build_block(report)["classes"]
    assert found["names"][3] == "3: kind of 3" and [*found] == [
        "names",
        "test_clean_acc",
        "test_pgd_acc",
        "test_aa_acc",
    ]
    assert found["test_clean_acc"][1] == pytest.approx([100 * (1 + 1 + label) / 200 for label in range(10)])
    assert found["test_aa_acc"][1][-1] is None, "no image of this class was attacked"
    monkeypatch.setattr("analysis.report.block.classes.MOST_NUMBERS", 10)
    assert [*build_block(report)["classes"]] == ["names", "test_clean_acc", "test_aa_acc"], "those of the front"


def test_counts_are_of_each_subset(block: dict[str, Any]) -> None:
    assert {(row["setting"], row["subset"]) for row in block["counts"]} == {
        (setting, subset) for setting in block["settings"] for subset in block["subsets"]
    }
    friendly = next(row for row in block["counts"] if row["subset"] == "friendly 108" and "0.1" in row["setting"])
    assert (
        friendly["size"] == 108 and sum(friendly["k"]) == pytest.approx(108, abs=0.5) and friendly["flipped_out"] == 12
    )


def test_curves_that_would_be_too_long_keep_the_essential_and_the_last(
    report: ReportData, block: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = len(block["curves"]["test_pgd_acc"])
    monkeypatch.setattr(curves, "MOST_LETTERS", 3 * letters)
    assert [*build_block(report)["curves"]["titles"]] == ["test_pgd_acc", "test_clean_acc", "val_pgd_acc"]
    monkeypatch.setattr(curves, "MOST_LETTERS", letters)
    thin = build_block(report)
    assert [*thin["curves"]["titles"]] == ["test_pgd_acc", "test_clean_acc"]
    assert thin["curves"]["epoch"] == [*range(3, 24, 4)]
    np.testing.assert_array_equal(decode(thin, "test_clean_acc"), decode(block, "test_clean_acc")[:, 1::2])


@pytest.mark.parametrize(
    ("rates", "drops"),
    [
        ([[0.1] * 4 + [0.01] * 2 + [0.001] * 2] * 3, [4, 6]),
        ([[0.1] * 4 + [0.01] * 4] * 2 + [[0.1] * 8] * 2, []),
        ([np.linspace(0.1, 0.05, 8)] * 3, []),
        ([[0.1] * 4 + [0.05] * 4] * 3, [4]),  # by half
        ([[0.1] + [0.01] * 7] * 3, [1]),
        ([0.05 * (1 + np.cos(np.pi * np.arange(8) / 8))] * 3, []),  # halves in its last epochs
        ([0.1 ** np.arange(1, 9)] * 3, []),
    ],
)
def test_drops_are_those_of_most_trainings(rates: list[list[float]], drops: list[int]) -> None:
    parts = [pd.DataFrame({"row": row, "epoch": range(8), "lr": rate}) for row, rate in enumerate(rates)]
    assert curves.find_shared_drops(pd.concat(parts).sample(frac=1, random_state=0)) == drops


def test_each_setting_has_the_drops_of_its_own_trainings(tmp_path: Path) -> None:
    """On a page of several sweeps, those of the longer one were drawn in the panels of the other too."""
    reports = []
    for noise, drop in ((0.0, 10), (0.1, 20)):
        made = Made(study=f"at {drop}", noise=(noise,), faults=False, profile=False)
        folder = write_sweep(tmp_path / str(drop), made)
        for path in folder.glob("trials/*/epochs.jsonl"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            lines = [json.dumps(row | {"lr": 0.1 if row["epoch"] < drop else 0.01}) for row in rows]
            path.write_text("\n".join(lines) + "\n")
        reports.append(collect_report_data(load_sweep(folder)))
    block = build_block(*reports)
    assert [*block["curves"]["drops"]] == block["settings"]
    assert [*block["curves"]["drops"].values()] == [[10], [20]]
