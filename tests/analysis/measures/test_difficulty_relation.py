"""What trainings record of examples, against the difficulty of these examples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.measures.difficulty_reference import find_references
from analysis.measures.difficulty_relation import correlate_examples, count_examples
from analysis.measures.example_scatter import OVER_EXAMPLES, bound_correlation
from analysis.results.instances import locate
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, write_sweep
from .test_groups import PLAIN

MADE = Made(noise=(0.1,), methods=("AT",), subsets=("all",), faults=False, instances=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = write_sweep(tmp_path_factory.mktemp("relation") / "sweep", MADE)
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        trial["config"]["method"] = PLAIN
    (folder / "plan.json").write_text(json.dumps(plan))
    return load_sweep(folder)


def test_correlations_with_difficulty_are_those_of_scipy_with_an_interval_over_trainings(results: Sweep) -> None:
    table = correlate_examples(results, find_references(results)).set_index(["quantity", "coefficient"])
    assert set(table["grouped_by"]) == {"the PGD trainings of `profile`"}
    (ranking,) = results.profile_rankings
    ranked = []
    for trial in results.completed["id"]:
        with np.load(results.folder / "trials" / trial / "instances.npz") as arrays:
            d = 1 - ranking.ranks["difficulty"][locate(arrays["index"], ranking.index)]
            ranked.append(stats.spearmanr(d, np.nanmean(arrays["weight"].astype(float), axis=0)).statistic)
            last = stats.pearsonr(d, arrays["epsilon"][-1].astype(float)).statistic
    row = table.loc[("weight", "spearman"), ["mean", "lo", "n"]].tolist()
    half = stats.t.ppf(0.975, 2) * stats.sem(ranked)
    assert row == pytest.approx([np.mean(ranked), np.mean(ranked) - half, 3], rel=1e-3)
    assert table.loc[("weight", "spearman"), "when"] == "mean over epochs"
    assert table.loc[("epsilon", "pearson"), "when"] == "last"
    assert table.loc[("epsilon", "pearson"), "mean"] == pytest.approx(last, rel=1e-3), "all seeds have the same radii"
    assert table.loc[("weight", "spearman"), "mean"] < -0.5 < 0.5 < table.loc[("t_y", "spearman"), "mean"]


def test_one_training_has_an_interval_over_its_examples(tmp_path: Path) -> None:
    one = Made(noise=(0.1,), methods=("AT",), subsets=("all",), faults=False, instances=True, replicates=1)
    table = correlate_examples(load_sweep(write_sweep(tmp_path / "one", one)))
    assert set(table["interval"]) == {OVER_EXAMPLES} and (table["lo"] < table["mean"]).all()
    assert set(table["grouped_by"]) == {"the training's own losses"}


def test_the_interval_of_a_correlation_is_scipys_and_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 50))
    found = stats.pearsonr(x, y)
    expected = found.confidence_interval(0.95)
    assert bound_correlation(found.statistic, 50, "pearson") == pytest.approx((expected.low, expected.high))
    truth, covered = 6 / np.pi * np.arcsin(0.6 / 2), 0
    for _ in range(300):
        x, noise = rng.standard_normal((2, 60))
        low, high = bound_correlation(stats.spearmanr(x, 0.6 * x + 0.8 * noise).statistic, 60, "spearman")
        covered += low <= truth <= high
    assert 0.91 < covered / 300 < 0.98


def test_the_scatter_counts_each_example_of_each_training_once(results: Sweep) -> None:
    table = count_examples(results, "t_y", find_references(results))
    assert table["count"].sum() == 3 * 120 and set(table["n"]) == {3}
    easy, hard = table[table["d_lo"] >= 0.8], table[table["d_hi"] <= 0.2]
    assert np.average(easy["value_lo"], weights=easy["count"]) > np.average(hard["value_hi"], weights=hard["count"])
    assert count_examples(results, "entropy").empty, "a quantity that was not recorded"
