"""Rankings against flipped labels, classes and groups."""

from __future__ import annotations

import copy
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.difficulty import (
    compute_difficulty,
    correlate_scores,
    measure_detection,
    measure_profile_groups,
)
from analysis.measures.group_means import NO_GROUP, assign_groups, compute_group_means
from analysis.measures.subsets import count_classes, tabulate_sizes
from analysis.results.instances import locate
from analysis.results.sweep import load_sweep

from ..synthetic import Made, name_one_class, write_sweep


def test_rankings_are_named_by_their_setting_and_ordered_by_the_score_of_their_subsets(whole: Path) -> None:
    found = load_sweep(whole).profile_rankings
    assert [ranking.title for ranking in found] == ["label_noise 0.0", "label_noise 0.1"]
    assert {ranking.score for ranking in found} == {"instability"}
    assert [int(ranking.flipped.sum()) for ranking in found] == [0, 12]


def test_a_ranking_is_named_by_what_it_follows_unless_other_values_have_it_too(whole: Path) -> None:
    results = load_sweep(whole)
    plan = copy.deepcopy(results.plan)
    clean, noisy = (ranking.name for ranking in results.profile_rankings)
    followed = next(trial["axes"]["method"] for trial in plan["trials"] if trial["kind"] == "trial")
    for trial in plan["trials"]:
        if trial["kind"] == "profile":
            trial["axes"]["method"] = followed
        elif trial["ranks"] == clean and trial["axes"]["method"] != followed:
            trial["ranks"] = None
    others = {trial["axes"]["method"] for trial in plan["trials"] if trial["ranks"] == noisy} - {followed}
    titles = [ranking.title for ranking in replace(results, plan=plan).profile_rankings]
    assert others and titles == [f"label_noise 0.0 · {followed}", "label_noise 0.1"]


def test_detection_counts_the_flipped_among_the_last_and_is_undefined_without_any(whole: Path) -> None:
    clean, noisy = load_sweep(whole).profile_rankings
    assert measure_detection(clean.rank, clean.flipped) is None
    seen = measure_detection(noisy.rank, noisy.flipped)
    assert seen is not None and seen.flipped == 12
    worst = np.argsort(noisy.rank)[-12:]
    assert seen.found == noisy.flipped[worst].sum() > 6


@pytest.mark.parametrize(
    ("rank", "found"),
    [
        ([0.5] * 10, 0.9),  # 3 of 10 all alike: as by chance, 3 * 3 / 10
        ([0.1] * 5 + [0.9] * 5, 3 * 3 / 5),  # the flipped ones are among the five that tie at the top
        ([0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1], 0.25),  # one place is left for four, one of them flipped
    ],
)
def test_of_examples_that_tie_at_the_edge_detection_counts_the_mean_over_their_orders(
    rank: list[float], found: float
) -> None:
    """In closed form; by position, the order of the data would decide, which is often by class."""
    is_flipped = np.isin(np.arange(10), [5, 6, 7])
    for order in (slice(None), slice(None, None, -1)):
        seen = measure_detection(np.array(rank)[order], is_flipped[order])
        assert seen is not None and seen.found == pytest.approx(found)


def test_ranks_that_are_no_numbers_are_damage_and_no_most_problematic_examples(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.1,), methods=("AT",), subsets=("all", "friendly 108")))
    paths = folder.glob("profile/*.npz")
    (path,) = (path for path in paths if not {"images", "adversaries"} & set(path.name.split(".")))
    with np.load(path) as arrays:
        spoilt = dict(arrays)
    spoilt["rank_instability"][3] = np.nan
    np.savez(path, **spoilt)
    results = load_sweep(folder)
    assert results.profile_rankings == []
    assert [line for line in results.damaged() if "its ranks are not one number for each example" in line]


@given(st.integers(1, 20), st.integers(1, 20), st.randoms())
def test_auc_is_the_chance_that_a_flipped_example_ranks_above_another(n: int, m: int, random: object) -> None:
    rng = np.random.default_rng(n * 100 + m)
    rank = rng.integers(0, 5, n + m) / 5  # with ties, which count half
    is_flipped = np.arange(n + m) < n
    seen = measure_detection(rank, is_flipped)
    above = rank[:n, None] - rank[None, n:]
    assert seen is not None
    assert seen.auc == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


def test_groups_are_tenths_of_difficulty_with_the_hardest_first() -> None:
    assert assign_groups(np.array([0.0, 0.05, 0.1, 0.95, 1.0, np.nan])).tolist() == [0, 0, 1, 9, 9, NO_GROUP]


def test_difficulty_is_one_minus_the_rank_by_loss(whole: Path) -> None:
    ranking = load_sweep(whole).profile_rankings[1]
    d = compute_difficulty(ranking)
    assert d == pytest.approx(1 - ranking.ranks["difficulty"])
    assert d[ranking.flipped].mean() < 0.25 < d[~ranking.flipped].mean()


def test_group_means_leave_out_what_was_not_trained_on() -> None:
    values = np.array([[1.0, 3.0, np.nan], [np.nan, np.nan, 5.0]])
    means = compute_group_means(values, np.array([0, 0, 9]))
    assert means.shape == (10, 2)
    assert means[0].tolist()[0] == 2.0 and np.isnan(means[0, 1])
    assert means[9, 1] == 5.0 and np.isnan(means[1:9]).all()


def test_harder_groups_have_higher_loss_along_training(whole: Path) -> None:
    results = load_sweep(whole)
    found = measure_profile_groups(results, results.profile_rankings[1])
    assert set(found["n"]) == {2}
    assert set(found["quantity"]) == {"loss", "correct", "feature_norm", "kappa"}
    last = found[found["epoch"] == found["epoch"].max()].set_index(["quantity", "group"])
    assert (np.diff(last["mean"]["loss"][[0, 3, 6, 9]]) < 0).all()
    assert last["size"]["loss"].sum() == 120


def test_group_curves_hold_few_arrays_however_many_trainings_there_are(tmp_path: Path) -> None:
    """All arrays of six trainings would be thirty; one, its copies and its sums by group are about six."""
    examples, epochs = 4000, 30
    made = Made(noise=(0.1,), methods=("AT 0.10",), subsets=("all",), replicates=1, examples=examples, epochs=epochs)
    results = load_sweep(write_sweep(tmp_path / "large", replace(made, faults=False)))
    (ranking,) = results.profile_rankings
    many = replace(ranking, trials=3 * ranking.trials)
    assert len(measure_profile_groups(results, many)), "what is imported late is not counted below"
    tracemalloc.start()
    try:
        measure_profile_groups(results, many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * examples * epochs * np.dtype(np.float32).itemsize


def test_scores_agree_with_themselves(whole: Path) -> None:
    table = correlate_scores(load_sweep(whole).profile_rankings[0])
    assert np.diag(table) == pytest.approx(1)
    assert 0.9 < table.loc["instability", "difficulty"] < 1


def test_class_counts_are_those_of_the_results_averaged_over_seeds(whole: Path) -> None:
    table = count_classes(load_sweep(whole)).set_index(["setting", "subset"])
    classes = [f"class {c}" for c in range(10)]
    assert table[classes].sum(axis=1).to_dict() == pytest.approx(table["size"].to_dict())
    assert table.loc[("label_noise 0.1", "friendly 108"), "flipped_out"] == 12
    assert table.loc[("label_noise 0.1", "all"), "flipped_in"] == 12


def test_accuracy_against_size_has_a_row_per_kind_and_size(whole: Path) -> None:
    table = tabulate_sizes(load_sweep(whole), "test_aa_acc")
    assert len(table) == 12 and set(table["subset_size"]) == {108.0, 120.0}
    assert (table["last_test_aa_acc_count"] == 3).all()


def test_accuracy_against_size_has_no_configuration_with_a_constant_network(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    name_one_class(folder, "*0.1*TRADES*friendly*seed=2", "last")
    table = tabulate_sizes(load_sweep(folder), "test_aa_acc")
    assert len(table) == 11 and (table["best_test_aa_acc_count"] == 3).all()


def test_locate_finds_each_index_or_says_it_is_not_there() -> None:
    known = np.array([30, 10, 20])
    assert locate(np.array([10, 20, 25, 30, 99]), known).tolist() == [1, 2, -1, 0, -1]
    assert locate(np.array([1]), np.empty(0, dtype=int)).tolist() == [-1]
