"""Diagnostics that belong to no paper, drawn by name: their tables, from plans of shipped studies and known rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import load
from analysis.exceptions import SweepError
from analysis.figure import main
from analysis.papers.catalogue import FIGURES, is_of_paper
from analysis.papers.diagnostics import FIGURES as DIAGNOSTICS
from analysis.papers.drawing import draw_paper_figure
from analysis.papers.listing import DRAWABLE, list_figures

from ..planned import SEEDS, write_planned
from .test_figures import draw

T = stats.t.ppf(0.975, SEEDS - 1)


@pytest.mark.long
def test_a_diagnostic_is_no_figure_of_a_paper_and_is_listed_under_its_own_heading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {row.name for row in DIAGNOSTICS} == {name for name in FIGURES if not is_of_paper(name)}
    run = str(write_planned(tmp_path / "run", "gairat"))
    assert main(["--list", run]) == 0
    papers, diagnostics = capsys.readouterr().out.split(f"of {len(DIAGNOSTICS)} diagnostics, which belong to no paper,")
    assert "diagnostics:" not in papers and "  diagnostics:masking_gap · " in diagnostics
    assert main(["--list", run, "--all"]) == 0
    papers, diagnostics = capsys.readouterr().out.split("Diagnostics, which belong to no paper:")
    assert "diagnostics:" not in papers and "72 figures and tables in the papers" in papers
    assert (
        "drawable from gairat\ndiagnostics:masking_gap · " in diagnostics
        and f"of {len(DIAGNOSTICS)} diagnostics" in diagnostics
    )
    assert "difficulty groups: weight in the loss\n    this run lacks weight of each example;" in diagnostics


@pytest.mark.long
def test_the_onset_is_the_peak_of_the_lines_that_overfit_and_no_line_that_does_not_has_one(tmp_path: Path) -> None:
    drawn = draw("diagnostics:onset", tmp_path)
    points, trials, epochs = drawn.points, drawn.selection.trials, drawn.selection.epochs
    assert set(points["panel"]) == {"label_noise 0.1"} and set(points["n"]) == {SEEDS}
    assert set(points["line"]) == set(trials.loc[trials["panel"] == "label_noise 0.1", "line"])
    for line, found in points[points["variant"] == "onset epoch"].groupby("line"):
        peaks = []
        here = epochs[(epochs["line"] == line) & (epochs["panel"] == "label_noise 0.1")]
        for _, curve in here.dropna(subset=["test_pgd_acc"]).groupby("id"):
            smooth = curve["test_pgd_acc"].rolling(3, center=True, min_periods=1).mean()
            peaks.append(curve["epoch"].iloc[int(np.argmax(smooth))])
        assert found["mean"].item() == pytest.approx(np.mean(peaks))
        assert found["hi"].item() == pytest.approx(np.mean(peaks) + T * stats.sem(peaks))


def test_the_generalisation_gap_is_that_of_one_attack_along_training(tmp_path: Path) -> None:
    drawn = draw("diagnostics:generalization_gap", tmp_path)
    points, epochs = drawn.points, drawn.selection.epochs
    line = drawn.selection.lines[0]
    last = epochs[(epochs["line"] == line) & (epochs["epoch"] == epochs["epoch"].max())]
    gaps = last["train_pgd_acc"] - last["test_pgd_acc"]
    row = points[(points["line"] == line) & (points["x"] == points["x"].max())]
    assert row[["mean", "n"]].to_numpy().ravel().tolist() == pytest.approx([gaps.mean(), SEEDS])
    assert row["hi"].item() == pytest.approx(gaps.mean() + stats.sem(gaps))
    assert (points.loc[points["x"] > 40, "mean"] > 0).all(), "training accuracy is made up to be higher"


def test_the_cross_generalisation_gap_pairs_standard_and_adversarial_training_on_the_same_examples(
    tmp_path: Path,
) -> None:
    drawn = draw("diagnostics:cross_generalization_gap", tmp_path)
    points, trials = drawn.points, drawn.selection.trials
    assert set(points["variant"]) == {"validation-selected epoch", "last epoch"}
    assert (points["mean"] > 0).all(), "an attack is made up to lower clean accuracy"
    row = points[points["variant"] == "last epoch"].iloc[0]
    here = trials[(trials["panel"] == row["panel"]) & (trials["line"] == row["line"])].sort_values("seed")
    standard = trials[trials["subset"].eq(here["subset"].iloc[0]) & trials["method"].eq("standard")].sort_values("seed")
    gaps = standard["last_test_clean_acc"].to_numpy() - here["last_test_clean_acc"].to_numpy()
    assert [row["mean"], row["hi"]] == pytest.approx([gaps.mean(), gaps.mean() + T * stats.sem(gaps)])


@pytest.mark.long
def test_masking_is_drawn_gapped_and_reversed_where_weights_by_kappa_hide_gradients(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "gairat"))
    masking, gap, reversals = (
        draw_paper_figure(FIGURES[f"diagnostics:{name}"], [run]) for name in ("masking", "masking_gap", "reversals")
    )
    points = masking.points
    assert set(points.loc[points["ring"], "line"]) == {"GAIRAT", "GAIR-FAT"}
    assert set(points["variant"]) == {"PGD-10"} and (points["x"] > points["mean"]).all()
    done = run.completed[(run.completed["data.label_noise"] == "0") & (run.completed["method"] == "GAIRAT")]
    gaps = done["best_test_pgd20_acc"] - done["best_test_aa_acc"]
    cell = gap.points[(gap.points["line"] == "GAIRAT") & (gap.points["panel"] == "label_noise 0")]
    cell = cell[cell["variant"] == "PGD-20 − AutoAttack custom"]
    assert cell[["mean", "hi"]].to_numpy().ravel().tolist() == pytest.approx(
        [gaps.mean(), gaps.mean() + T * stats.sem(gaps)], abs=1e-9
    )
    pairs = reversals.points.set_index(["panel", "line", "variant"])["mean"]
    for line in ("GAIRAT − AT", "GAIR-FAT − FAT"):
        assert pairs["label_noise 0", line, "PGD-10"] > 0 > pairs["label_noise 0", line, "AutoAttack custom"]


def test_a_run_whose_order_no_attack_reverses_is_told_so(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "iat"))
    with pytest.raises(SweepError, match="a pair of configurations whose order the strongest attack reverses"):
        draw_paper_figure(FIGURES["diagnostics:reversals"], [run])


@pytest.mark.long
def test_hard_groups_are_learned_after_the_onset_and_easy_ones_before(tmp_path: Path) -> None:
    drawn = draw("diagnostics:learning_times", tmp_path)
    half, lag = (table.points[table.points["line"] == "all"].set_index("x") for table in drawn.tables)
    assert list(half.index) == list(range(10)) and set(half["n"]) == {SEEDS}
    assert half["mean"].is_monotonic_decreasing and lag.loc[0, "mean"] > 0 > lag.loc[9, "mean"]
    onset = draw_paper_figure(FIGURES["diagnostics:onset"], drawn.selection.sweeps).points
    onset = onset[(onset["variant"] == "onset epoch") & (onset["line"] == "all")]["mean"].item()
    np.testing.assert_allclose(half["mean"] - lag["mean"], onset)
    assert "by the difficulty in the sweep's PGD trainings of other seeds" in drawn.spec.caption


def test_cost_is_passes_of_the_whole_training_and_seconds_without_measurements(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "fast_training"))
    passes, seconds = (draw_paper_figure(FIGURES[f"diagnostics:cost_{name}"], [run]).points for name in COSTS)
    free = passes.set_index("line").loc["Free 0.1 · epochs 5"]
    assert free["x"] == 5 * (1100 + 1000) and free["n"] == SEEDS
    done = run.completed[run.completed["method"].eq("Free 0.1")]
    assert free["mean"] == pytest.approx(done["last_test_pgd20_acc"].mean())
    assert set(seconds["x"]) == {60.0}


COSTS = ("passes", "seconds")


@pytest.mark.long
@pytest.mark.parametrize(
    "name, rises",
    [("loss", False), ("correct", True), ("feature_norm", True), ("kappa", True), ("epsilon", True), ("t_max", True)],
)
def test_all_ten_groups_are_drawn_in_their_order(name: str, rises: bool, tmp_path: Path) -> None:
    drawn = draw(f"diagnostics:groups_{name}", tmp_path)
    late = drawn.points[drawn.points["x"] > 0.6 * drawn.points["x"].max()]
    panel = "all" if "all" in set(late["panel"]) else late["panel"].iloc[0]
    means = late[late["panel"] == panel].groupby("line", sort=False)["mean"].mean()
    assert list(means.index) == ["G0 (hardest)", *(f"G{group}" for group in range(1, 9)), "G9 (easiest)"]
    assert (means.iloc[-1] > means.iloc[0]) == rises
    assert isinstance(means, pd.Series) and set(drawn.points["n"]) == {SEEDS}


@pytest.mark.long
def test_groups_of_a_run_without_pgd_training_are_formed_by_own_losses_and_the_note_says_so(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "atta_reweight", examples=True))
    drawn = draw_paper_figure(FIGURES["diagnostics:groups_weight"], [run])
    assert "the training's own losses" in drawn.spec.caption
    listed = {line.name: line for line in list_figures([run])}
    assert listed["diagnostics:groups_weight"].status == DRAWABLE
    assert listed["diagnostics:groups_epsilon"].why == "this run lacks epsilon of each example; what gives it:"
