"""Signs of objectives, and dominance against definitions written out as loops."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.pareto import as_recorded, dominates, least_leads, to_maximise
from trainers.objectives import non_dominated

OBJECTIVES = {"loss": "min", "accuracy": "max"}
VALUE = st.one_of(st.integers(0, 4).map(float), st.floats(0, 1), st.just(float("nan")))
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(VALUE, min_size=width, max_size=width), min_size=0, max_size=9)
)


ROWS = [st.lists(st.lists(VALUE, min_size=width, max_size=width), min_size=1, max_size=6) for width in (1, 2, 3)]
PAIRS = st.one_of([st.tuples(rows, rows) for rows in ROWS])


def beats(row: list[float], other: list[float]) -> bool:
    """Return whether a point dominates another by the definition; no comparison with NaN is true."""
    return all(a >= b for a, b in zip(row, other, strict=True)) and any(a > b for a, b in zip(row, other, strict=True))


def test_sign_makes_a_higher_value_better_and_is_undone() -> None:
    values = {"accuracy": 0.5, "loss": 2.0, "other": 7.0}
    assert to_maximise(values, OBJECTIVES) == (-2.0, 0.5)
    assert as_recorded((-2.0, 0.5), OBJECTIVES) == {"loss": 2.0, "accuracy": 0.5}
    with pytest.raises(KeyError):
        to_maximise({"loss": 1.0}, OBJECTIVES)


@given(TABLES)
def test_front_is_the_points_that_no_other_dominates(table: list[list[float]]) -> None:
    expected = [not any(map(np.isnan, row)) and not any(beats(other, row) for other in table) for row in table]
    assert non_dominated(table).tolist() == expected


@given(TABLES)
def test_front_without_duplicates_has_the_first_of_equal_points(table: list[list[float]]) -> None:
    front = non_dominated(table).tolist()
    expected = [front[i] and row not in table[:i] for i, row in enumerate(table)]
    assert non_dominated(table, keep_duplicates=False).tolist() == expected


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1) | st.integers(0, 3).map(lambda k: k / 3)), max_size=12))
def test_front_without_duplicates_is_the_staircase_of_sorted_points(points: list[tuple[float, float]]) -> None:
    """Of points sorted by one objective, those on the front are better in the other than all before them."""
    ordered = sorted(points, key=lambda point: (-point[0], -point[1]))
    highest = accumulate((y for _, y in ordered), max, initial=-1.0)
    staircase = [y > before for (_, y), before in zip(ordered, highest, strict=False)]
    assert non_dominated(ordered, keep_duplicates=False).tolist() == staircase


@given(PAIRS)
def test_pairwise_dominance_is_the_definition(tables: tuple[list[list[float]], list[list[float]]]) -> None:
    rows, others = tables
    expected = [[beats(row, other) for other in others] for row in rows]
    assert dominates(np.array(rows), np.array(others)).tolist() == expected


def test_least_lead_is_the_smallest_difference_over_the_objectives() -> None:
    points = np.array([[0.5, 0.5], [0.75, 0.625], [0.25, 1.0]])
    assert least_leads(points, 0).tolist() == [0.0, 0.125, -0.25]
