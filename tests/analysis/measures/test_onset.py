"""The onset of robust overfitting, and when groups of examples are learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.measures.groups import measure_learning_times, time_learning
from analysis.measures.onset import find_onsets, measure_onset
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

MADE = Made(noise=(0.1,), subsets=("all",), epochs=40, every=1, replicates=5, faults=False, instances=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AT overfits from two fifths of training on, TRADES never; the learning rate drops after 10 epochs."""
    folder = write_sweep(tmp_path_factory.mktemp("onset") / "sweep", MADE)
    for path in folder.glob("trials/*/epochs.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row | {"lr": 0.1 if row["epoch"] < 10 else 0.01} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_onset_is_the_smoothed_peak_of_trainings_that_overfit(folder: Path) -> None:
    results = load_sweep(folder)
    table = measure_onset(results)
    assert table["choice"].tolist() == ["AT 0.10"], "TRADES does not overfit"
    peaks = []
    ids = results.completed.loc[results.completed["family"] == "AT 0.10", "id"]
    for trial in ids:
        curve = results.epochs[results.epochs["id"] == trial]["test_pgd_acc"].to_numpy()
        padded = [curve[max(0, at - 1) : at + 2].mean() for at in range(len(curve))]
        peaks.append(np.argmax(padded))
    (row,) = table.to_dict("records")
    assert row["mean"] == pytest.approx(np.mean(peaks)) and row["n"] == 5
    half = stats.t.ppf(0.975, 4) * np.std(peaks, ddof=1) / np.sqrt(5)
    assert [row["lo"], row["hi"]] == pytest.approx([np.mean(peaks) - half, np.mean(peaks) + half])
    assert 10 < row["mean"] < 22, "the truth falls from epoch 16 on, and the climb ends before"
    assert row["lr"] == pytest.approx(0.1) and row["first_drop"] == 10
    found = find_onsets(results)
    assert len(found) == 10 and found["peak"].notna().all() and found["onset"].notna().sum() == 5


def test_a_group_is_timed_by_half_of_the_fall_of_its_loss_against_the_onset() -> None:
    loss = np.array([np.nan, 2.0, 1.8, 1.5, 1.0, 1.2, 0.8])
    assert time_learning(loss, 2.0) == pytest.approx({"half": 4, "lag": 2, "late": 1.0 / 1.2})
    early = time_learning(loss, np.nan)
    assert early["half"] == 4 and np.isnan(early["lag"]) and np.isnan(early["late"])
    assert all(np.isnan(list(time_learning(np.array([1.0, 1.5]), 1.0).values()))), "it never falls"


def test_hard_groups_are_learned_later_and_more_of_them_after_the_onset(folder: Path) -> None:
    table = measure_learning_times(load_sweep(folder))
    assert set(table["grouped_by"]) == {"the training's own losses"}
    mean = table.set_index(["choice", "quantity", "group"])["mean"]
    assert mean["AT 0.10", "half", 2] > mean["AT 0.10", "half", 9]
    assert mean["AT 0.10", "late", 2] > mean["AT 0.10", "late", 9] > 0
    assert ("AT 0.10", "half", 0) not in mean.index, "the wrong labels are never learned"
    assert "lag" not in mean["TRADES 0.10"].index.get_level_values(0), "without an onset there is no lag"
