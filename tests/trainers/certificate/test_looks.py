"""The looks are a fixed list without end, and their shares of the error add up to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.certificate.looks import list_looks, spend_error


def test_looks_up_to_twenty_seeds() -> None:
    assert list_looks(20) == (3, 4, 5, 6, 8, 10, 13, 16, 20)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_longer_study_has_the_looks_of_a_shorter_one_first(one: int, other: int) -> None:
    short, long = list_looks(min(one, other)), list_looks(max(one, other))
    assert long[: len(short)] == short and all(n <= max(one, other) for n in long)


def test_each_look_of_twenty_seeds_spends_a_tenth_and_each_later_one_half_of_what_is_left() -> None:
    assert [spend_error(0.05, look) for look in range(9)] == pytest.approx([0.005] * 9)
    assert [spend_error(0.05, look) for look in (9, 10, 11)] == pytest.approx([0.0025, 0.00125, 0.000625])


@given(st.floats(0.001, 0.5), st.integers(1, 200))
def test_any_number_of_looks_spends_no_more_than_the_error(error: float, looks: int) -> None:
    assert sum(spend_error(error, look) for look in range(looks)) <= error * (1 + 1e-12)
