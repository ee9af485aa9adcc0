"""Difficulty groups in a sweep's own trainings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.measures.difficulty_reference import find_references
from analysis.measures.groups import measure_groups
from analysis.results.instances import locate
from analysis.results.sweep import Sweep, load_sweep
from trainers.scores import normalized_rank

from ..synthetic import Made, write_sweep

MADE = Made(noise=(0.1,), methods=("AT",), subsets=("all", "friendly 96"), faults=False, instances=True)
PLAIN = {
    "attack": {"name": "pgd", "steps": 10, "start": "uniform", "tau": None, "toward": None},
    "loss": {"name": "ce"}, "weight": {"name": "uniform"}, "target": {"name": "given"},
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = write_sweep(tmp_path_factory.mktemp("groups") / "sweep", MADE)
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        trial["config"]["method"] = PLAIN
    (folder / "plan.json").write_text(json.dumps(plan))
    return load_sweep(folder)


def test_every_recorded_quantity_of_all_ten_groups_is_a_mean_with_its_error_over_seeds(results: Sweep) -> None:
    table = measure_groups(results)
    assert set(table["quantity"]) == {
        "loss", "correct", "clean_correct", "feature_norm", "kappa", "epsilon", "weight", "t_y", "t_max", "t_correct",
        "t_class",
    }  # fmt: skip
    assert set(table["group"]) == set(range(10))
    means = []
    for trial in results.completed.loc[results.completed["choice"] == "all", "id"]:
        arrays = results.instances(trial)
        assert arrays is not None
        loss = arrays["loss"].astype(float)
        d = 1 - normalized_rank(np.nanmean(loss, axis=0))
        means.append(arrays["weight"][-1][(d >= 0.2) & (d < 0.3)].mean())
    (row,) = table[
        (table["choice"] == "all") & (table["quantity"] == "weight") & (table["group"] == 2) & (table["epoch"] == 23)
    ].to_dict("records")
    assert (row["mean"], row["n"], row["size"]) == (pytest.approx(np.mean(means), rel=1e-5), 3, 12)
    assert row["hi"] - row["mean"] == pytest.approx(np.std(means, ddof=1) / np.sqrt(3), rel=1e-4)


def test_groups_are_formed_by_other_trainings_where_these_are_given(results: Sweep) -> None:
    references = find_references(results)
    table = measure_groups(results, references)
    assert set(table["grouped_by"]) == {"the PGD trainings of `profile`"}
    (ranking,) = results.profile_rankings
    rows = table[(table["choice"] == "friendly 96") & (table["quantity"] == "loss") & (table["epoch"] == 23)]
    assert (np.diff(rows.sort_values("group")["mean"]) < 0).all(), "tenths of the subset, hardest first"
    hardest = []
    for trial in results.completed.loc[results.completed["choice"] == "friendly 96", "id"]:
        arrays = results.instances(trial)
        assert arrays is not None
        ranks = ranking.ranks["difficulty"][locate(arrays.index, ranking.index)]
        hardest.append(arrays["loss"][-1][1 - normalized_rank(ranks) < 0.1].mean())
    assert rows.loc[rows["group"] == 0, "mean"].item() == pytest.approx(np.mean(hardest), rel=1e-5)


def test_the_target_favours_the_label_less_often_where_examples_are_hard(results: Sweep) -> None:
    table = measure_groups(results)
    last = table[(table["quantity"] == "t_class") & (table["epoch"] == 23) & (table["choice"] == "all")]
    share = last.set_index("group")["mean"]
    assert share[0] < share[9] == 1.0


def test_only_the_quantities_that_are_asked_for_are_measured(results: Sweep) -> None:
    assert set(measure_groups(results, quantities=("loss", "weight"))["quantity"]) == {"loss", "weight"}
