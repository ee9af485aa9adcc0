"""Scores of examples: the papers' definitions on arrays small enough to check by eye."""

from __future__ import annotations

import warnings
from itertools import permutations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainers.ranked_subsets import ScoreName
from trainers.scores import (
    SCORES,
    UNSEEN,
    average_runs,
    compute_scores,
    d_distance,
    difficulty,
    difficulty_d,
    difficulty_entropy,
    difficulty_last,
    first_learned,
    instability,
    kappa,
    measure_agreement,
    min_perturbation,
    normalized_rank,
    probability,
    top_iou,
)

VALUES = arrays.arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


def recorded(*columns: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return a run's `correct` from one tuple an example, an entry an epoch."""
    return {"correct": np.array(columns, dtype=np.uint8).T}


def test_difficulty_d_of_liu_et_al() -> None:
    assert difficulty_d(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [0.125, 0.75, 0.75, 0.375]


@given(VALUES)
def test_the_mean_of_d_is_one_half_and_its_ends_are_half_an_example_off(values: np.ndarray) -> None:
    ranks = difficulty_d(values)
    assert ranks.mean() == pytest.approx(0.5)
    assert 0.5 / len(values) - 1e-12 <= ranks.min() and ranks.max() <= 1 - 0.5 / len(values) + 1e-12


@given(VALUES)
def test_d_counts_the_harder_and_half_of_the_equal(values: np.ndarray) -> None:
    counted = [((values > v).sum() + 0.5 * (values == v).sum()) / len(values) for v in values]
    assert difficulty_d(values) == pytest.approx(counted)


@given(VALUES)
def test_reversing_the_score_reverses_the_rank(values: np.ndarray) -> None:
    assert normalized_rank(-values) == pytest.approx(1 - normalized_rank(values))


def test_a_reversed_ranking_is_one_half_away_and_an_independent_one_a_third() -> None:
    """The 0.375 of Liu et al. for independent rankings is wrong."""
    rng = np.random.default_rng(0)
    losses = rng.permutation(50_000).astype(float)
    assert d_distance(difficulty_d(losses), difficulty_d(losses)) == 0
    assert d_distance(difficulty_d(losses), difficulty_d(-losses)) == pytest.approx(1 / 2)
    assert d_distance(difficulty_d(losses), difficulty_d(rng.permutation(losses))) == pytest.approx(1 / 3, abs=0.005)


def test_the_most_problematic_fifths_overlap_by_a_ninth_by_chance() -> None:
    rng = np.random.default_rng(0)
    rank = rng.permutation(50_000) / 50_000
    assert top_iou(rank, rank) == 1
    assert top_iou(rank, 1 - rank) == 0
    assert top_iou(rank, rng.permutation(rank)) == pytest.approx(1 / 9, abs=0.005)
    assert top_iou(np.arange(10.0), np.array([0, 1, 2, 3, 4, 5, 6, 9, 7, 8.0])) == 1 / 3  # {8, 9} and {7, 9}


@given(st.integers(1, 12), st.integers(0, 100))
def test_rankings_with_few_values_share_their_tops_by_chance(values: int, seed: int) -> None:
    """As two trainings of few epochs do, whose counts take few values."""
    rng = np.random.default_rng(seed)
    one, other = (rng.integers(0, values, 20_000).astype(float) for _ in range(2))
    assert top_iou(one, other) == pytest.approx(1 / 9, abs=0.02)


def test_examples_tied_at_the_edge_are_in_the_top_in_part() -> None:
    rank = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2.0])  # the top two: the last, and one of three
    assert top_iou(rank, rank) == pytest.approx((1 + 3 / 9) / (4 - 1 - 3 / 9))


def test_instability_is_the_share_of_epochs_misclassified() -> None:
    run = recorded((1, 0, 1, 1), (0, 0, 0, 0), (1, 1, 1, 1))
    assert instability(run).tolist() == [0.25, 1.0, 0.0]


def test_ties_share_their_mean_rank() -> None:
    assert normalized_rank(np.array([0.25, 0.25, 0.5])) == pytest.approx([1 / 3, 1 / 3, 5 / 6])


@pytest.mark.long
@given(VALUES)
def test_ranks_order_and_tie_as_eq_4_of_dong_et_al(values: np.ndarray) -> None:
    """There ties share the lowest rank: (0, 0, 2) for scores (.25, .25, .5)."""
    lowest = np.array([(values < value).sum() for value in values])
    assert normalized_rank(lowest).tolist() == normalized_rank(values).tolist()


def test_epochs_in_which_an_example_was_not_trained_on_do_not_count() -> None:
    unseen = UNSEEN
    assert instability(recorded((1, unseen, 0, unseen), (unseen, 1, 1, 1))).tolist() == [0.5, 0.0]
    counts = np.array([[10, unseen], [4, 6]], dtype=np.uint8)
    assert kappa({"kappa": counts}).tolist() == [-7.0, -6.0]
    losses = np.array([[1.0, np.nan], [3.0, 5.0]], dtype=np.float32)
    assert difficulty({"loss": losses}).tolist() == [2.0, 5.0]


def test_the_last_epoch_that_trained_an_example_is_its_own() -> None:
    nan = np.nan
    losses = np.array([[1, nan, nan], [3, 5, nan], [2, nan, nan]], dtype=np.float32)
    np.testing.assert_array_equal(difficulty_last({"loss": losses}), [2.0, 5.0, nan])


def test_a_confident_error_is_hard_by_loss_and_easy_by_entropy() -> None:
    """The metric "entropy" of the code of Liu et al. asks how sure the network is, not of what."""
    p = np.array([[0.5, 0.01], [0.7, 0.02]])  # of the given label, of two
    run = {"loss": -np.log(p), "entropy": -(p * np.log(p) + (1 - p) * np.log(1 - p))}
    assert difficulty(run)[0] < difficulty(run)[1]
    assert difficulty_entropy(run)[0] > difficulty_entropy(run)[1]
    assert difficulty_entropy(run)[1] == pytest.approx((0.0560015 + 0.0980391) / 2, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_scores_are_the_same_of_counts_and_of_floats_with_nan(seed: int) -> None:
    """Recorded arrays have 255 where an example was not trained on, those that analysis reads have NaN."""
    rng = np.random.default_rng(seed)
    counts = rng.choice(np.array([0, 1, UNSEEN], np.uint8), (4, 6))
    floats = np.where(counts == UNSEEN, np.nan, counts).astype(np.float32)
    for name in ("correct", "withstood", "kappa"):
        one, other = compute_scores({name: counts}), compute_scores({name: floats})
        assert one and one.keys() == other.keys()
        for score in one:
            np.testing.assert_array_equal(one[score], other[score])


def test_many_large_counts_do_not_overflow() -> None:
    assert kappa({"kappa": np.full((300, 2), 250, dtype=np.uint8)}).tolist() == [-250.0, -250.0]


def test_first_learned_never_is_last_of_all() -> None:
    """The code of Dong et al. records -1, which before averaging would make it the earliest."""
    run = recorded((1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 0), (UNSEEN, UNSEEN, 0, 1))
    assert first_learned(run).tolist() == [0.0, 2.0, 4.0, 3.0]


def test_more_is_always_harder() -> None:
    """Of two examples the second is harder in every respect; all scores agree."""
    run = {
        "correct": np.array([[1, 0], [1, 0], [1, 1]], dtype=np.uint8),
        "withstood": np.array([[1, 0], [1, 1]], dtype=np.uint8),
        "loss": np.array([[0.1, 2.0], [0.1, 1.0], [0.1, 0.5]], dtype=np.float32),
        "entropy": np.array([[0.1, 2.0], [0.1, 1.0], [0.1, 0.5]], dtype=np.float16),
        "gradient_norm": np.array([[0.1, 2.0], [0.1, 1.0], [0.1, 0.5]], dtype=np.float32),
        "kappa": np.array([[9, 1], [10, 2], [10, 5]], dtype=np.uint8),
        "best_clean_p_y": np.array([0.9, 0.2], dtype=np.float16),
        "min_perturbation": np.array([0.04, 0.0], dtype=np.float32),
    }
    ranks = average_runs([compute_scores(run)])
    for name, score in SCORES.items():
        easy, hard = score(run)
        assert easy < hard, name
        assert ranks[f"rank_{name}"].tolist() == [0.25, 0.75]


def test_probability_is_that_of_the_best_checkpoint() -> None:
    assert probability({"best_clean_p_y": np.array([0.25, 1.0], dtype=np.float16)}).tolist() == [-0.25, -1.0]


def test_the_least_perturbation_counts_downwards() -> None:
    assert min_perturbation({"min_perturbation": np.array([0, 0.5], dtype=np.float32)}).tolist() == [0.0, -0.5]


def test_every_score_that_a_subset_may_ask_for_is_there() -> None:
    assert set(SCORES) == set(get_args(ScoreName))


def test_the_scores_of_liu_et_al_may_begin_late_and_only_they() -> None:
    """Their code counts from epoch 10."""
    run = recorded((0, 1, 0), (1, 1, 1)) | {"loss": np.array([[9, 1], [2, 1], [4, 1]], dtype=np.float32)}
    run |= {"kappa": run["correct"], "best_clean_p_y": np.array([0.5, 1], dtype=np.float16)}
    whole, late = compute_scores(run), compute_scores(run, first_epoch=1)
    assert (whole["difficulty"].tolist(), late["difficulty"].tolist()) == ([5.0, 1.0], [3.0, 1.0])
    assert (whole["difficulty_01"][0], late["difficulty_01"][0]) == (pytest.approx(2 / 3), 0.5)
    for name in set(whole) - {"difficulty", "difficulty_01"}:
        assert whole[name].tolist() == late[name].tolist(), name


def test_an_example_never_trained_on_has_no_score_and_no_ranking_is_made() -> None:
    """A mean over no epoch would rank it first or last."""
    run = recorded((1, 0), (UNSEEN, UNSEEN)) | {"loss": np.array([[1, np.nan], [2, np.nan]], dtype=np.float32)}
    run["kappa"] = run["correct"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute_scores(run)
    for name in scores:
        assert np.isnan(scores[name]).tolist() == [False, True], name
    with pytest.raises(ValueError, match=r"instability: 1 of 2 examples were never trained on"):
        average_runs([compute_scores(recorded((1, 0), (0, 1))), scores])


def test_an_ensemble_averages_ranks_or_scores() -> None:
    calm = compute_scores(recorded((1,), (0,), (0,), (0,)))  # ranks 1/8, 5/8, 5/8, 5/8
    wild = compute_scores(recorded((0, 0), (0, 1), (0, 1), (1, 1)))  # ranks 7/8, 1/2, 1/2, 1/8
    ranks, counts = average_runs([calm, wild]), average_runs([calm, wild], "scores")
    assert ranks["instability"].tolist() == counts["instability"].tolist() == [0.5, 0.75, 0.75, 0.5]
    assert ranks["rank_instability"].tolist() == [0.375, 0.75, 0.75, 0.125]
    assert counts["rank_instability"].tolist() == [0.25, 0.75, 0.75, 0.25]


def test_averaged_ranks_and_counts_order_nearly_alike() -> None:
    """Ten runs of 160 epochs, as Dong et al.: whether ranks or counts are averaged is contradictory there."""
    rng = np.random.default_rng(0)
    hard = rng.beta(0.7, 0.7, 2000)
    runs = [compute_scores({"correct": (rng.random((160, 2000)) > hard).astype(np.uint8)}) for _ in range(10)]
    ranks, counts = average_runs(runs), average_runs(runs, "scores")
    assert np.corrcoef(ranks["rank_instability"], counts["rank_instability"])[0, 1] > 0.99
    assert len(np.unique(counts["rank_instability"])) <= 10 * 160 + 1


@pytest.mark.parametrize("average", ["ranks", "scores"])
def test_ties_stay_ties_in_whatever_order_the_runs_come(average: str) -> None:
    """Sums of sixths differ in the last bit by their order."""
    wrong = np.array(list(permutations([2, 3, 5]))).T  # (3 runs, 6 examples)
    runs = [compute_scores({"correct": (np.arange(6)[:, None] >= times).astype(np.uint8)}) for times in wrong]
    assert len({float(sum(shares)) for shares in zip(*(run["instability"] for run in runs), strict=True)}) > 1
    assert average_runs(runs, average)["rank_instability"].tolist() == [0.5] * 6  # type: ignore[arg-type]


@given(VALUES, st.integers(1, 4))
def test_runs_that_agree_give_back_the_ranks_they_agree_on(values: np.ndarray, runs: int) -> None:
    rank = average_runs([{"difficulty": values}] * runs)["rank_difficulty"]
    assert rank.tolist() == normalized_rank(values).tolist()


def test_agreement_is_the_mean_over_pairs_of_runs() -> None:
    one, other = np.arange(10.0), np.arange(10.0)[::-1]
    found = measure_agreement([{"instability": one, "kappa": one}, {"instability": one}, {"instability": other}])
    assert found == {"instability": {"d_distance": pytest.approx(1 / 3), "top_iou": pytest.approx(1 / 3)}}
    assert measure_agreement([{"instability": one}]) == {}


def test_an_ensemble_leaves_out_what_was_not_recorded() -> None:
    assert set(average_runs([compute_scores(recorded((1, 0)))])) == {
        f"{prefix}{name}" for prefix in ("", "rank_") for name in ("instability", "difficulty_01", "first_learned")
    }


def test_an_ensemble_of_one_is_that_run() -> None:
    run = recorded((1, 0, 1), (0, 0, 0))
    one = average_runs([compute_scores(run)])
    assert one["instability"].tolist() == instability(run).tolist()
    assert one["rank_instability"].tolist() == normalized_rank(instability(run)).tolist()
