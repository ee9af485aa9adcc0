"""Phrases of messages: lists, durations, spelling."""

from __future__ import annotations

import pytest

from trainers.formatting import did_you_mean, find_nearest, format_duration, format_list


def test_a_list_names_the_first_and_counts_the_others() -> None:
    assert format_list(["a", "b"], 2) == "a, b"
    assert format_list(["a", "b", "c", "d", "e"], 2) == "a, b and 3 more"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (5.4, "5 s"),
        (59.7, "1 min 00 s"),
        (65, "1 min 05 s"),
        (7300, "2 h 01 min"),
        (90000, "1 d 1 h"),
        (float("nan"), ""),
        (float("inf"), ""),
    ],
)
def test_durations_are_written_in_the_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_the_nearest_spelling_is_suggested_if_one_is_near() -> None:
    known = ["trades", "mart", "gairat"]
    assert find_nearest("trade", known) == "trades"
    assert find_nearest("trade", known, cutoff=0.99) is None
    assert did_you_mean("trade", known) == "; did you mean trades?"
    assert did_you_mean("sgd", known) == ""
