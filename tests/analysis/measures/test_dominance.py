"""Dominance, hypervolume and attainment against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.measures.dominance import attainment, find_knee, hypervolume, hypervolumes, staircase
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


@given(
    arrays(float, (3, 6, 2), elements=st.floats(-1, 2) | st.sampled_from([0.5, 1.0, np.nan])),
    st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
)
def test_hypervolumes_of_many_sets_are_those_of_each(sets: np.ndarray, reference: tuple[float, float]) -> None:
    each = [hypervolume(points, reference) for points in sets]
    np.testing.assert_allclose(hypervolumes(sets, reference), each, rtol=1e-12, atol=1e-12)


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


def test_the_knee_is_the_member_farthest_above_the_chord() -> None:
    front = np.array([[0.0, 10.0], [0.6, 9.0], [0.9, 5.0], [1.0, 0.0]])
    chord = np.array([1.0, -1.0]) / np.sqrt(2)
    offsets = front / [1.0, 10.0] - [0.0, 1.0]
    distances = np.linalg.norm(offsets - np.outer(offsets @ chord, chord), axis=1)
    assert find_knee(front) == int(distances.argmax()) == 1
    assert find_knee(front * [3.0, 0.01] + [5.0, 0.2]) == find_knee(front)  # whatever the units


@pytest.mark.parametrize(
    "front", [[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.2, 0.2], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]]
)
def test_two_members_or_none_above_the_chord_have_no_knee(front: list[list[float]]) -> None:
    assert find_knee(np.array(front)) is None
