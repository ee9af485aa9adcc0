"""Figures of rankings: ranks in pairs of trainings and shared tops, against numpy and scipy on the raw records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import load
from analysis.papers.catalogue import FIGURES
from analysis.papers.row import find_usable

from ..planned import write_planned
from ..planned_examples import EXAMPLES
from .test_figures import draw


def read(folder: Path, trial: str, name: str) -> np.ndarray:
    with np.load(folder / "trials" / trial / "instances.npz") as arrays:
        return np.asarray(arrays[name].astype(float))


@pytest.mark.long
def test_the_overlap_of_two_seeds_is_what_their_most_problematic_fifths_share(tmp_path: Path) -> None:
    drawn = draw("profiling:F5", tmp_path)
    points, (sweep,) = drawn.points, drawn.selection.sweeps
    assert set(points["panel"]) == {"MLP 256", "MLP 32", "CNN"}, "of plain PGD training"
    assert (points.groupby("panel").size() == 10 * 9).all() and not (points["line"] == points["x"].astype(str)).any()
    here = points[points["panel"] == "CNN"]
    trials = drawn.selection.trials[drawn.selection.trials["line"] == "CNN"].sort_values("seed")["id"].tolist()
    wrong = [1 - read(sweep.folder, trial, "withstood").mean(0) for trial in trials]
    expected = share_of_tops(wrong[2], wrong[7])
    pair = here[(here["line"] == "2") & (here["x"] == 7)]["mean"].iloc[0]
    assert pair == here[(here["line"] == "7") & (here["x"] == 2)]["mean"].iloc[0] == pytest.approx(expected)
    assert here["average"].iloc[0] == pytest.approx(here["mean"].mean()) and here["mean"].min() > 1 / 9
    assert "1/9 by chance" in drawn.spec.caption


def share_of_tops(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over union of the highest fifths; ties at the edge are drawn independently."""
    n = EXAMPLES // 5
    chances = []
    for score in (one, other):
        edge = np.sort(score)[-n]
        left = n - (score > edge).sum()
        chances.append(np.where(score == edge, left / (score == edge).sum(), score > edge))
    shared = float(np.sum(chances[0] * chances[1]))
    return shared / (2 * n - shared)


def test_methods_and_networks_are_paired_across_seeds_and_correlate(tmp_path: Path) -> None:
    drawn = draw("profiling:F9", tmp_path)
    points, (sweep,) = drawn.points, drawn.selection.sweeps
    assert list(dict.fromkeys(points["line"])) == [
        "seeds 0 and 1",
        *("pgd-at and trades", "pgd-at and mart", "trades and mart"),
        *("MLP 256 and MLP 32", "MLP 256 and CNN", "MLP 32 and CNN"),
    ]
    counts = points.groupby("line")["count"].sum()
    assert counts["seeds 0 and 1"] == EXAMPLES and counts["trades and mart"] == 2 * EXAMPLES
    trials = {(row["method.base"], row["seed"]): row["id"] for row in sweep.completed.to_dict("records")}
    radii = {key: read(sweep.folder, trial, "min_perturbation") for key, trial in trials.items() if key[0] != "pgd-at"}
    found = [stats.spearmanr(radii["trades", one], radii["mart", 1 - one]).statistic for one in (0, 1)]
    here = points[points["line"] == "trades and mart"].iloc[0]
    assert here["spearman"] == pytest.approx(np.mean(found)) and here["n"] == 2
    assert (points["spearman"] > 0.8).all(), "the same examples are hard for all trainings"
    assert "1 to 2 pairs" in drawn.spec.caption and "Seeds are those of pgd-at · MLP 256" in drawn.spec.caption


@pytest.mark.parametrize("name, kind", [("F6a", "seeds"), ("F6b", "trades"), ("F6c", "CNN")])
def test_a_panel_of_the_consistency_figure_has_one_kind_of_pairs(name: str, kind: str, tmp_path: Path) -> None:
    lines = list(dict.fromkeys(draw(f"profiling:{name}", tmp_path).points["line"]))
    assert any(kind in line for line in lines) and len(lines) == (1 if kind == "seeds" else 3)


@pytest.mark.parametrize("name, sign", [("F7a", -1), ("F7b", -1), ("F7c", 1)])
def test_scores_go_with_the_problematic_rank_as_the_paper_says(name: str, sign: int, tmp_path: Path) -> None:
    points = draw(f"profiling:{name}", tmp_path).points
    assert set(points["n"]) == {2} and points["count"].sum() == 2 * EXAMPLES
    assert sign * points["spearman"].iloc[0] > 0.1
    order = points.sort_values("x")
    low, high = order.head(len(order) // 3), order.tail(len(order) // 3)
    assert sign * (np.average(high["mean"], weights=high["count"]) - np.average(low["mean"], weights=low["count"])) > 0


def test_tenths_of_the_problematic_rank_are_learned_in_their_order_beside_the_test_curve(tmp_path: Path) -> None:
    drawn = draw("profiling:F15a", tmp_path, **{"data.label_noise": ["0"]})
    groups, curve = (table.points for table in drawn.tables)
    names = ["G0 (most problematic)", *(f"G{number}" for number in range(1, 9)), "G9 (friendliest)"]
    assert list(dict.fromkeys(groups["line"])) == names and set(curve["line"]) == set(drawn.selection.lines)
    last = groups[groups["x"] == groups["x"].max()].set_index("line")["mean"]
    assert last["G0 (most problematic)"] < last["G5"] < last["G9 (friendliest)"]
    (sweep,), found = drawn.selection.sweeps, []
    for trial in drawn.selection.trials["id"]:
        with np.load(next((sweep.folder / "profile").glob("*.npz"))) as ranking:
            hardest = ranking["index"][ranking["rank_instability"] > 0.9]
        here = np.isin(read(sweep.folder, trial, "index"), hardest)
        found.append(read(sweep.folder, trial, "correct")[-1][here].mean())
    assert last["G0 (most problematic)"] == pytest.approx(np.mean(found))
    assert "tenths of the problematic rank by the sweep's profiling" in drawn.spec.caption


def test_what_a_ranking_lacks_is_told_with_the_setting_that_records_it(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "rank_consistency", ["evaluate.train=false"], examples=True))
    assert find_usable(FIGURES["profiling:F6a"], [run])[1] == "withstood of each example (--set evaluate.train=true)"
    one = load(write_planned(tmp_path / "one", "rank_consistency", ["search.replicates=1"], examples=True))
    assert find_usable(FIGURES["profiling:F5"], [one])[1] == "a second seed (--set search.replicates=3)"
