"""A front by its definition, for any number of objectives, ties and unknown points among them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainers.certificate.dominance import dominates, find_front
from trainers.objectives import non_dominated

few = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])
shapes = st.tuples(st.integers(1, 12), st.integers(1, 3))


def test_dominance_needs_one_objective_that_is_better_and_none_that_is_worse() -> None:
    points = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    assert np.argwhere(dominates(points, points)).tolist() == [[0, 1], [3, 1]]


@given(shapes.flatmap(lambda shape: arrays(float, shape, elements=few)))
def test_front_is_that_of_all_other_fronts_here(points: np.ndarray) -> None:
    assert find_front(points).tolist() == non_dominated(points).tolist()


@given(arrays(float, (3, 6, 2), elements=few))
def test_studies_side_by_side_have_each_its_front(points: np.ndarray) -> None:
    assert find_front(points).tolist() == [find_front(study).tolist() for study in points]
