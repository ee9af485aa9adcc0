"""Scores of examples: the papers' definitions on arrays small enough to check by eye."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainers.scores import (
    SCORES,
    UNSEEN,
    d,
    difficulty,
    ensemble,
    first_learned,
    instability,
    kappa,
    normalized_rank,
    probability,
)

VALUES = arrays.arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


def recorded(*columns: tuple[int, ...]) -> dict[str, np.ndarray]:
    """A run's `correct` from one tuple an example, an entry an epoch."""
    return {"correct": np.array(columns, dtype=np.uint8).T}


def test_difficulty_d_of_liu_et_al() -> None:
    assert d(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [0.125, 0.75, 0.75, 0.375]


@given(VALUES)
def test_the_mean_of_d_is_one_half_and_its_ends_are_half_an_example_off(values: np.ndarray) -> None:
    ranks = d(values)
    assert ranks.mean() == pytest.approx(0.5)
    assert 0.5 / len(values) - 1e-12 <= ranks.min() and ranks.max() <= 1 - 0.5 / len(values) + 1e-12


@given(VALUES)
def test_d_counts_the_harder_and_half_of_the_equal(values: np.ndarray) -> None:
    counted = [((values > v).sum() + 0.5 * (values == v).sum()) / len(values) for v in values]
    assert d(values) == pytest.approx(counted)


@given(VALUES)
def test_reversing_the_score_reverses_the_rank(values: np.ndarray) -> None:
    assert normalized_rank(-values) == pytest.approx(1 - normalized_rank(values))


def test_a_reversed_ranking_is_one_half_away_and_an_independent_one_a_third() -> None:
    """The 0.375 of Liu et al. for independent rankings is wrong."""
    rng = np.random.default_rng(0)
    losses = rng.permutation(50_000).astype(float)
    assert np.abs(d(losses) - d(-losses)).mean() == pytest.approx(1 / 2)
    assert np.abs(d(losses) - d(rng.permutation(losses))).mean() == pytest.approx(1 / 3, abs=0.005)


def test_instability_is_the_share_of_epochs_misclassified() -> None:
    run = recorded((1, 0, 1, 1), (0, 0, 0, 0), (1, 1, 1, 1))
    assert instability(run).tolist() == [0.25, 1.0, 0.0]


def test_ties_share_their_mean_rank() -> None:
    assert normalized_rank(np.array([0.25, 0.25, 0.5])) == pytest.approx([1 / 3, 1 / 3, 5 / 6])


def test_epochs_in_which_an_example_was_not_trained_on_do_not_count() -> None:
    unseen = UNSEEN
    assert instability(recorded((1, unseen, 0, unseen), (unseen, 1, 1, 1))).tolist() == [0.5, 0.0]
    counts = np.array([[10, unseen], [4, 6]], dtype=np.uint8)
    assert kappa({"kappa": counts}).tolist() == [-7.0, -6.0]
    losses = np.array([[1.0, np.nan], [3.0, 5.0]], dtype=np.float32)
    assert difficulty({"loss": losses}).tolist() == [2.0, 5.0]


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
        "loss": np.array([[0.1, 2.0], [0.1, 1.0], [0.1, 0.5]], dtype=np.float32),
        "kappa": np.array([[9, 1], [10, 2], [10, 5]], dtype=np.uint8),
        "best_clean_p_y": np.array([0.9, 0.2], dtype=np.float16),
    }
    for name, score in SCORES.items():
        easy, hard = score(run)
        assert easy < hard, name
        assert ensemble([run])[f"rank_{name}"].tolist() == [0.25, 0.75]


def test_probability_is_that_of_the_best_checkpoint() -> None:
    assert probability({"best_clean_p_y": np.array([0.25, 1.0], dtype=np.float16)}).tolist() == [-0.25, -1.0]


def test_an_ensemble_averages_ranks_not_counts() -> None:
    """Its scores are averaged too, but the ranks are not those of the averages."""
    calm, wild = recorded((1, 1), (1, 0), (0, 0)), recorded((1, 1), (0, 0), (1, 0))
    both = ensemble([calm, wild])
    assert both["instability"].tolist() == [0.0, 0.75, 0.75]
    assert both["rank_instability"] == pytest.approx([1 / 6, 2 / 3, 2 / 3])
    uneven = ensemble([recorded((1,), (0,), (0,), (0,)), recorded((0, 0), (0, 1), (0, 1), (1, 1))])
    assert uneven["instability"].tolist() == [0.5, 0.75, 0.75, 0.5]
    assert uneven["rank_instability"].tolist() == [0.5, 0.5625, 0.5625, 0.375]


def test_an_ensemble_leaves_out_what_was_not_recorded() -> None:
    assert set(ensemble([recorded((1, 0))])) == {
        f"{prefix}{name}" for prefix in ("", "rank_") for name in ("instability", "difficulty_01", "first_learned")
    }


def test_an_ensemble_of_one_is_that_run() -> None:
    run = recorded((1, 0, 1), (0, 0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = ensemble([run])
    assert one["instability"].tolist() == instability(run).tolist()
    assert one["rank_instability"].tolist() == normalized_rank(instability(run)).tolist()
