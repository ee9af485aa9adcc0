"""A seed has collapsed below the first wide gap of its configuration, in any objective."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainers.certificate.collapse import find_collapsed

CALM = [80.0, 81.0, 80.5]


def one_objective(*configurations: list[float]) -> np.ndarray:
    """Return the values of some configurations, with NaN for the seeds that they lack."""
    most = max(map(len, configurations))
    return np.array([seeds + [np.nan] * (most - len(seeds)) for seeds in configurations])[..., None]


def test_all_below_the_first_gap_above_eight_points_are_collapsed() -> None:
    values = one_objective([80.0, 81.0, 70.0, 69.5, 60.0], [50.0, 51.0, 50.5, 44.0, 52.0], CALM, CALM, CALM)
    assert find_collapsed(values)[:2].tolist() == [[False, False, True, True, True], [False] * 5]


def test_a_collapse_in_one_objective_is_one() -> None:
    calm = [[80.0, 40.0], [81.0, 41.0], [80.5, 40.5]]
    values = np.array([[[80.0, 40.0], [81.0, 20.0], [80.5, 41.0]], calm, calm])
    assert find_collapsed(values)[0].tolist() == [False, True, False]


def test_the_gap_grows_with_six_typical_deviations() -> None:
    """Three seeds at -2, 0 and 2 have the variance 4, whose median under normal seeds is 4 ln 2 / 2 of it: sd 2.4."""
    calm = one_objective([48.0, 50.0, 52.0])
    typical = 2 / np.sqrt(np.log(2))
    for fall, collapsed in ((6 * typical - 0.01, False), (6 * typical + 0.01, True)):
        last = np.array([52.0, 50.0, 50.0 - fall])[None, :, None]
        values = np.concatenate([calm] * 4 + [last])
        assert find_collapsed(values)[-1].tolist() == [False, False, collapsed]


def test_a_diverged_seed_counts_as_collapsed_and_a_missing_one_does_not() -> None:
    values = one_objective([80.0, -np.inf, 81.0, np.nan])
    assert find_collapsed(values).tolist() == [[False, True, False, False]]


@given(arrays(float, (4, 5, 2), elements=st.floats(0, 100)), st.randoms(use_true_random=False))
def test_the_order_of_seeds_is_irrelevant(values: np.ndarray, random) -> None:
    order = random.sample(range(5), 5)
    assert (find_collapsed(values[:, order]) == find_collapsed(values)[:, order]).all()


@given(arrays(float, (4, 5, 2), elements=st.floats(0, 100)))
def test_the_best_seed_of_each_objective_never_collapsed_in_it(values: np.ndarray) -> None:
    assert not find_collapsed(values[..., :1])[np.arange(4), values[..., 0].argmax(axis=1)].any()


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_are_compared_by_the_least_gap(seeds: int) -> None:
    values = one_objective([80.0, 70.0][:seeds], [80.0, 79.0][:seeds], [60.0, 61.0][:seeds])
    assert find_collapsed(values).sum() == seeds - 1
