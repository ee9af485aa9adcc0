"""Dominance, hypervolume and attainment against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.measures.dominance import attainment, hypervolume, staircase
from trainers.objectives import non_dominated

points = arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 5).map(float))


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a >= b).all() and (a > b).any())


@given(points)
def test_a_point_is_on_the_front_when_none_dominates_it(found: np.ndarray) -> None:
    expected = [not any(dominates(other, point) for other in found) for point in found]
    assert non_dominated(found).tolist() == expected


@given(points, points)
def test_nan_is_never_on_a_front_and_dominates_nothing(known: np.ndarray, holes: np.ndarray) -> None:
    holes = holes.copy()
    holes[:, 1] = np.nan
    mixed = np.concatenate([holes, known, [[np.nan, 9.0]]])
    mask = non_dominated(mixed)
    assert not mask[: len(holes)].any() and not mask[-1]
    assert mask[len(holes) : -1].tolist() == non_dominated(known).tolist()


@given(points, st.tuples(st.integers(-1, 4), st.integers(-1, 4)))
def test_hypervolume_counts_the_unit_squares_that_some_point_covers(
    found: np.ndarray, reference: tuple[int, int]
) -> None:
    corners = np.array([(x, y) for x in range(reference[0] + 1, 6) for y in range(reference[1] + 1, 6)])
    covered = (found[:, None] >= corners).all(axis=2).any(axis=0)
    assert hypervolume(found, reference) == pytest.approx(covered.sum())


def test_hypervolume_in_closed_form() -> None:
    assert hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), (0, 0)) == 3.0
    assert hypervolume(np.array([[1.0, 2.0], [np.nan, 9.0]]), (0, 0)) == 2.0
    assert hypervolume(np.array([[1.0, 2.0]]), (1, 0)) == 0.0
    assert hypervolume(np.empty((0, 2)), (0, 0)) == 0.0


@pytest.mark.long
@given(st.integers(2, 5), st.data())
def test_attainment_is_what_that_share_of_the_seeds_dominates(seeds: int, data: st.DataObject) -> None:
    found = [data.draw(arrays(float, (3, 2), elements=st.integers(0, 4).map(float))) for _ in range(seeds)]
    seed = np.repeat(np.arange(seeds), 3)
    mixed = data.draw(st.permutations(range(len(seed))))  # rows come configuration by configuration
    surfaces = attainment(np.concatenate(found)[mixed], seed[mixed])
    for goal in np.ndindex(5, 5):
        share = np.mean([(one >= goal).all(axis=1).any() for one in found])
        for percentile, corners in surfaces.items():
            assert (corners >= goal).all(axis=1).any() == (share >= percentile / 100)


def test_a_staircase_runs_from_the_left_edge_down_to_the_bottom() -> None:
    outline = staircase(np.array([[2.0, 1.0], [1.0, 3.0]]), 0.0, -1.0)
    assert outline.tolist() == [[0, 3], [1, 3], [1, 1], [2, 1], [2, -1]]
