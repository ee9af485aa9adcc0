"""How alike trainings rank the examples: closed forms, and the tables of a sweep."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.agreement import against, main, matrix, ranks
from analysis.results import SweepError, load
from trainers.reading import read_json
from trainers.records import write_json

from .synthetic import Made, write_sweep


def test_ranks_of_mean_losses_by_hand() -> None:
    """Losses (3, 1, 1, 2): the mean of ranks is 1/2, ties share theirs."""
    assert ranks(np.array([[3.0, 1.0, 1.0, 2.0]]), 1).tolist() == [0.875, 0.25, 0.25, 0.625]
    assert ranks(np.array([[1.0, 0.0], [1.0, np.nan]]), -1).tolist() == [0.25, 0.75]  # right always, never


def recorded(folder: Path) -> Path:
    """A sweep whose trials recorded losses and correctness: the same hard examples for all, and noise of their own."""
    made = Made(faults=False, noise=(0.0,), subsets=("all",))
    hard = np.linspace(0, 3, 60)
    for number, trial in enumerate(load(write_sweep(folder, made)).sweep["id"]):
        rng = np.random.default_rng(number)
        loss = (hard + rng.normal(0, 0.5, (4, 60))).astype(np.float32)
        arrays = {"loss": loss, "correct": (loss < 1.5).astype(np.uint8), "test_loss": loss, "test_fog_loss": -loss}
        arrays["weight"] = np.exp(-loss)
        np.savez(folder / "trials" / trial / "instances.npz", index=np.arange(60), y=np.zeros(60, int), **arrays)
    return folder


def test_a_matrix_has_every_configuration_and_pairs_of_different_seeds_only(tmp_path: Path) -> None:
    results = load(recorded(tmp_path / "one"))
    table = matrix(results, "difficulty", "distance")
    names = results.sweep["name"].unique().tolist()
    assert table.index.tolist() == table.columns.tolist() == names
    np.testing.assert_allclose(table.values, table.values.T)
    assert (np.diag(table) > 0).all() and (table.values < 1 / 3).all()  # a training is not compared with itself


def rewritten(folder: Path, which: str, **changed: object) -> Path:
    """Some arrays of the trials of one method replaced, as functions of the trial's arrays."""
    for path in folder.glob(f"trials/*{which}*/instances.npz"):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **arrays | {name: change(arrays) for name, change in changed.items()})  # type: ignore[operator]
    return folder


def test_trainings_on_subsets_are_compared_on_the_examples_that_both_saw(tmp_path: Path) -> None:
    """TRADES leaves the hardest half out: the rest is ranked among itself, as if there were no others."""
    folder = recorded(tmp_path / "one")
    easier = np.arange(60) < 30

    def left_out(arrays: dict[str, np.ndarray]) -> np.ndarray:
        return np.where(easier, arrays["loss"], np.float32(np.nan))

    results = load(rewritten(folder, "TRADES", loss=left_out))
    found = matrix(results, "difficulty", "distance")
    assert (against(results, "weight") > 0.7).all(axis=None)

    def half(arrays: dict[str, np.ndarray]) -> np.ndarray:
        return arrays["loss"][:, easier]

    labels = {name: lambda arrays: np.arange(30) % 10 for name in ("y", "y_clean")}
    cut = rewritten(folder, "method=", loss=half, index=lambda arrays: np.arange(30), **labels)
    alone = matrix(load(cut), "difficulty", "distance")
    assert np.isfinite(found.values).all()
    np.testing.assert_allclose(found.values[1], alone.values[1])


def test_other_draws_of_the_data_are_not_compared_although_they_are_as_many(tmp_path: Path) -> None:
    folder = rewritten(recorded(tmp_path / "one"), "TRADES", index=lambda arrays: np.arange(60) + 1)
    with pytest.raises(SweepError, match="rank different examples"):
        matrix(load(folder), "difficulty", "distance")


def test_problems_with_other_labels_are_compared_each_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """36 flipped labels make 36 other examples hard; the examples are the same, their order is of another problem."""
    folder = recorded(tmp_path / "one")
    whole = matrix(load(folder), "difficulty", "distance")
    rewritten(folder, "TRADES", y=lambda arrays: np.arange(60) % 2)
    table = matrix(load(folder), "difficulty", "distance")
    assert np.isnan(table.values[0, 1]) and np.isnan(table.values[1, 0])
    np.testing.assert_allclose(np.diag(table), np.diag(whole))
    assert main([str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "other labels, or measured on another test set" in shown and "AT 0.10 and TRADES 0.10." in shown
    assert np.isfinite(matrix(load(folder), "test", "distance").values).all()  # its labels are never flipped


def test_test_sets_of_two_data_sets_are_not_compared(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "one")
    plan = read_json(folder / "plan.json")
    for trial in plan["trials"]:
        noisy = {"label_noise": 0.3} if trial["replicate"] else {}
        other = {"name": "letters"} if trial["axes"].get("method") == "TRADES 0.10" else {}
        trial["config"]["data"] |= noisy | other
    write_json(folder / "plan.json", plan)
    found = matrix(load(folder), "test", "distance")
    assert np.isnan(found.values[0, 1]) and np.isfinite(np.diag(found)).all()


def test_who_withstands_the_attack_in_eval_mode_ranks_like_who_is_correct(tmp_path: Path) -> None:
    def withstood(arrays: dict[str, np.ndarray]) -> np.ndarray:
        right = arrays["correct"].copy()
        right[::2] = 255  # not measured at every epoch
        return right

    results = load(rewritten(recorded(tmp_path / "one"), "method=", withstood=withstood))
    assert (matrix(results, "instability_eval", "correlation") > 0.5).all(axis=None)
    only = load(rewritten(tmp_path / "one", "method=", correct=lambda arrays: arrays["correct"][1::2]))
    expected = matrix(only, "instability", "distance")
    pd.testing.assert_frame_equal(matrix(results, "instability_eval", "distance"), expected)


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_compared_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rewritten(recorded(tmp_path / "one"), "TRADES", correct=lambda arrays: np.ones_like(arrays["correct"]))
    assert main([str(folder), "--by", "instability", "--measure", "correlation"]) == 0
    shown = capsys.readouterr().out
    assert "nan" not in shown and " – " in shown
    assert "–: no two completed trainings" in shown and "AT 0.10 and TRADES 0.10; TRADES 0.10 with itself." in shown
    rewritten(folder, "AT_0.10", correct=lambda arrays: np.ones_like(arrays["correct"]))
    assert main([str(folder), "--by", "instability", "--measure", "correlation"]) == 2
    assert "do not rank them all alike; take replicates >= 2" in capsys.readouterr().err


def test_one_seed_is_not_compared_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "one")
    for path in folder.glob("trials/*TRADES*seed=[12]/instances.npz"):
        path.unlink()
    assert main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "nan" not in shown and "TRADES 0.10 with itself." in shown


def test_weights_that_favour_the_easy_go_with_d(tmp_path: Path) -> None:
    table = against(load(recorded(tmp_path / "one")), "weight")
    assert ((table["d and weight"] > 0.7) & (table["d and weight"] < 1)).all()


def test_what_was_not_recorded_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_sweep(tmp_path / "one", Made(faults=False))
    with pytest.raises(SweepError, match="test_losses: true"):
        matrix(load(folder), "test", "distance")
    assert main([str(folder), "--by", "test"]) == 2
    assert "test_losses" in capsys.readouterr().err
    assert main([str(folder), "--by", "instability_eval"]) == 2
    assert "{train: true}" in capsys.readouterr().err


def test_the_command_prints_the_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "one")
    assert main([str(folder), "--by", "instability", "--measure", "iou"]) == 0
    shown = capsys.readouterr().out
    assert "iou of rankings by instability" in shown and "2  TRADES 0.10" in shown
    assert "correlation of difficulty d with the mean weight" in shown and "mean epsilon" not in shown
    # there the order is reversed
    assert "corrupted versions" in shown and re.search(r"configuration +fog\n1  AT 0.10 +0.500\n", shown)
