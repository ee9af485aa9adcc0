"""Figures of single examples: what a scatter counts and correlates, against numpy and scipy on the raw records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import load
from analysis.exceptions import SweepError
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import draw_paper_figure
from analysis.papers.row import find_usable
from trainers.npz import StoredArrays

from ..planned import write_planned
from ..planned_examples import EXAMPLES, draw_hardness
from .test_figures import draw


def rank(values: np.ndarray) -> np.ndarray:
    return (stats.rankdata(values) - 0.5) / len(values)


def test_difficulty_by_loss_goes_with_difficulty_by_error_and_each_example_counts_once_a_training(
    tmp_path: Path,
) -> None:
    drawn = draw("hard:F3", tmp_path)
    points = drawn.points
    assert set(points["line"]) == {"MLP", "CNN"} and set(points["panel"]) == {"epochs 40", "epochs 80", ""}
    assert (points.groupby(["panel", "line"])["count"].sum() == 2 * EXAMPLES).all()
    (sweep,) = drawn.selection.sweeps
    trials = drawn.selection.trials
    found, counts = [], np.zeros((20, 20), int)
    for trial in trials.loc[(trials["panel"] == "epochs 80"), "id"]:
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            x, y = 1 - rank(arrays["loss"].mean(0)), 1 - rank((1.0 - arrays["correct"]).mean(0))
        found.append([stats.pearsonr(x, y).statistic, stats.spearmanr(x, y).statistic])
        counts += np.histogram2d(x, y, bins=20, range=[[0, 1], [0, 1]])[0].astype(int)
    here = points[points["panel"] == "epochs 80"]
    assert here[["pearson", "spearman"]].iloc[0].tolist() == pytest.approx(np.mean(found, axis=0).tolist(), rel=1e-4)
    assert here["pearson"].iloc[0] > 0.8 and here["pearson_hi"].iloc[0] <= 1
    table = np.zeros((20, 20), int)
    table[(20 * here["x"]).astype(int), (20 * here["mean"]).astype(int)] = here["count"]
    np.testing.assert_array_equal(table, counts)


def test_the_radius_against_difficulty_is_that_of_the_last_epoch_and_the_difficulty_that_of_other_seeds(
    tmp_path: Path,
) -> None:
    drawn = draw("hard:F13", tmp_path, **{"data.label_noise": ["0"]})
    (sweep,), trials = drawn.selection.sweeps, drawn.selection.trials
    lines = ["gamma 0.012", "gamma 0.024", "gamma 0.048"]
    assert drawn.selection.lines == lines and set(drawn.points["n"]) == {2}
    plain = sweep.completed[(sweep.completed["method"] == "PGD") & (sweep.completed["data.label_noise"] == "0")]
    losses = {}
    for trial, seed in plain[["id", "seed"]].itertuples(index=False):
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            losses[seed] = arrays["loss"].mean(0)
    found = []
    for trial, seed in trials.loc[trials["line"] == lines[0], ["id", "seed"]].itertuples(index=False):
        d = 1 - rank(next(loss for other, loss in losses.items() if other != seed))
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            found.append(stats.pearsonr(d, arrays["epsilon"][-1].astype(float)).statistic)
    here = drawn.points[drawn.points["line"] == lines[0]]
    assert here["pearson"].iloc[0] == pytest.approx(np.mean(found), rel=1e-3)
    assert here["pearson"].iloc[0] > 0.9, "hard examples end with small radii"
    assert "the sweep's PGD trainings of other seeds" in drawn.spec.caption
    assert "test images" not in drawn.spec.caption, "it shows training examples"


@pytest.mark.parametrize(
    "name, arrays, uses",
    [
        ("hard:F2a", {"loss"}, 2),  # which forms the groups and is shown
        ("hard:F3", {"loss", "correct"}, 1),
        ("hard:F13", {"loss", "epsilon"}, 1),
        ("profiling:F6a", {"withstood"}, 1),
    ],
)
def test_a_figure_reads_the_arrays_that_it_shows_and_no_other_and_each_of_a_training_once_a_use(
    name: str, arrays: set[str], uses: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, read = StoredArrays.__getitem__, Counter[tuple[Path, str]]()

    def count(stored: StoredArrays, array: str) -> np.ndarray:
        read[stored.path, array] += 1
        return get(stored, array)

    monkeypatch.setattr(StoredArrays, "__getitem__", count)
    draw(name, tmp_path)
    assert arrays <= {array for _, array in read} <= arrays | {"index", "y"}
    assert {times for (_, array), times in read.items() if array in arrays} == {uses}


@pytest.mark.parametrize("name, study", [("hard:F18", "atta_reweight"), ("hard:F19", "atta_adaptive")])
def test_a_run_without_pgd_training_takes_the_difficulty_of_another_run_and_is_not_drawn_without(
    name: str, study: str, tmp_path: Path
) -> None:
    alone, other = (load(write_planned(tmp_path / s, s, examples=True)) for s in (study, "iat"))
    with pytest.raises(SweepError, match="a PGD training on all examples"):
        draw_paper_figure(FIGURES[name], [alone])
    drawn = draw_paper_figure(FIGURES[name], [alone, other])
    assert [sweep.study for sweep in drawn.selection.sweeps] == [study]
    assert "iat's PGD trainings of other seeds" in drawn.spec.caption and "Not used" not in drawn.spec.caption
    assert (drawn.points["pearson"] > 0.9).all(), "easy examples keep their weight and their target"
    low, high = (drawn.points[keep] for keep in (drawn.points["x"] < 0.2, drawn.points["x"] > 0.8))
    assert np.average(low["mean"], weights=low["count"]) < np.average(high["mean"], weights=high["count"])


@pytest.mark.long
def test_a_run_whose_pgd_trainings_were_passed_over_is_named_as_not_used(tmp_path: Path) -> None:
    """The first has other labels, and the second ranks the examples, so that the third is not looked at."""
    runs = [write_planned(tmp_path / "self", "atta_reweight", examples=True)]
    runs += [write_planned(tmp_path / name, "iat", name=name, examples=True) for name in ("flipped", "fits", "spare")]
    for path in (tmp_path / "flipped").glob("trials/*/instances.npz"):
        with np.load(path) as arrays:
            np.savez(path, **dict(arrays) | {"y": (arrays["y"] + 1) % 10})
    drawn = draw_paper_figure(FIGURES["hard:F18"], [load(run) for run in runs])
    assert "fits's PGD trainings of other seeds" in drawn.spec.caption
    assert drawn.spec.caption.endswith("Not used: flipped, spare.")


@pytest.mark.long
@pytest.mark.parametrize("name, array", [("hard:F2a", "loss"), ("hard:F2b", "feature_norm"), ("hard:F8", "loss")])
def test_groups_by_own_losses_are_means_over_tenths_and_said_to_be_formed_so(
    name: str, array: str, tmp_path: Path
) -> None:
    drawn = draw(name, tmp_path)
    groups, errors = (table.points for table in drawn.tables)
    (sweep,) = drawn.selection.sweeps
    trials = drawn.selection.trials[drawn.selection.trials["panel"] == groups["panel"].iloc[0]]
    means = []
    for trial in trials["id"]:
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            d = 1 - rank(arrays["loss"].mean(0))
            means.append(arrays[array][10][(d >= 0.3) & (d < 0.4)].astype(float).mean())
    here = groups[(groups["panel"] == groups["panel"].iloc[0]) & (groups["x"] == 10)].set_index("line")
    assert here.loc["G3", ["mean", "n"]].tolist() == pytest.approx([np.mean(means), len(trials)], rel=1e-5)
    assert here.loc["G3", "hi"] - here.loc["G3", "mean"] == pytest.approx(stats.sem(means), rel=1e-3)
    assert list(here.index) == ["G0 (hardest)", "G3", "G6", "G9 (easiest)"]
    assert here["mean"].is_monotonic_decreasing if array == "loss" else here["mean"].is_monotonic_increasing
    assert set(errors["variant"]) == {"training (own attack)", "test"} and set(errors["line"]) == {"all"}
    assert "tenths by the training's own losses: their order in loss holds by construction" in drawn.spec.caption


def test_groups_of_the_targets_are_formed_by_pgd_trainings_of_other_seeds(tmp_path: Path) -> None:
    drawn = draw("hard:F14", tmp_path, **{"data.label_noise": ["0"]})
    points, (sweep,) = drawn.points, drawn.selection.sweeps
    plain = sweep.completed[(sweep.completed["method"] == "PGD") & (sweep.completed["data.label_noise"] == "0")]
    losses = {}
    for trial, seed in plain[["id", "seed"]].itertuples(index=False):
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            losses[seed] = arrays["loss"].mean(0)
    means = []
    for trial, seed in drawn.selection.trials[["id", "seed"]].itertuples(index=False):
        d = 1 - rank(next(loss for other, loss in losses.items() if other != seed))
        with np.load(sweep.folder / "trials" / trial / "instances.npz") as arrays:
            means.append(arrays["t_max"][-1][d < 0.1].astype(float).mean())
    last = points[points["x"] == points["x"].max()].set_index("line")["mean"]
    assert last["G0 (hardest)"] == pytest.approx(np.mean(means), rel=1e-4)
    assert last["G0 (hardest)"] < 0.6 < 0.9 < last["G9 (easiest)"]
    assert "by the difficulty in the sweep's PGD trainings of other seeds" in drawn.spec.caption


def test_hard_groups_agree_with_their_targets_more_than_with_their_labels(tmp_path: Path) -> None:
    drawn = draw("hard:F15", tmp_path)
    label, target = (table.points[table.points["x"] > 60].groupby("line")["mean"].mean() for table in drawn.tables)
    assert target["G0 (hardest)"] > label["G0 (hardest)"] + 0.2
    assert target["G9 (easiest)"] - target["G0 (hardest)"] < label["G9 (easiest)"] - label["G0 (hardest)"]


@pytest.mark.parametrize("name, study", [("hard:F14", "self_adaptive"), ("hard:F18", "atta_reweight")])
def test_a_pgd_training_under_other_labels_gives_no_difficulty_and_the_user_is_told(
    name: str, study: str, tmp_path: Path
) -> None:
    folders = [write_planned(tmp_path / s, s, examples=True) for s in (study, "iat")]
    for path in (path for folder in folders for path in folder.glob("trials/*/instances.npz")):
        with np.load(path) as arrays:
            found = dict(arrays)
        if "weight" not in found:  # PGD training
            np.savez(path, **found | {"y": found["y"] + 1})
    with pytest.raises(SweepError, match="give a run with PGD training on the same examples and labels"):
        draw_paper_figure(FIGURES[name], [load(folder) for folder in folders])


@pytest.mark.long
def test_a_run_under_other_labels_is_passed_over_for_one_that_ranks_the_same_examples(tmp_path: Path) -> None:
    folders = [
        write_planned(tmp_path / name, name.split("_of_")[0], examples=True) for name in ("iat_of_others", "iat")
    ]
    for path in folders[0].glob("trials/*/instances.npz"):
        with np.load(path) as arrays:
            found = dict(arrays)
        np.savez(path, **found | {"y": found["y"] + 1})
    alone = write_planned(tmp_path / "alone", "atta_reweight", examples=True)
    drawn = draw_paper_figure(FIGURES["hard:F18"], [load(folder) for folder in (alone, *folders)])
    assert (drawn.points["pearson"] > 0.9).all()


def test_a_run_that_recorded_no_array_of_its_examples_is_told_which(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "iat"))
    assert find_usable(FIGURES["hard:F13"], [run])[1] == "epsilon of each example"


def test_the_hardness_that_records_are_made_of_is_spread_over_all_examples() -> None:
    np.testing.assert_allclose(np.sort(draw_hardness()), np.arange(EXAMPLES) / (EXAMPLES - 1))
