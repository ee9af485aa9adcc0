"""Phrases of messages: lists, durations, spelling."""

from __future__ import annotations

import pytest

from trainers.formatting import did_you_mean, find_nearest, find_nearest_file, format_duration, format_list


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


FILES = ["friendly_k.yaml", "gair_rst.yaml", "neg.npz", "shapes_png", "small.yaml", "mine.npz"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("frendly_k.yaml", "friendly_k.yaml"),
        ("friendlk_y.yaml", "friendly_k.yaml"),
        ("friendly_k", "friendly_k.yaml"),
        ("firend_k", "friendly_k.yaml"),
        ("shapes_pngs", "shapes_png"),
        ("shaeps_png", "shapes_png"),
        ("smal.yaml", "small.yaml"),
        ("mien.npz", "mine.npz"),
        ("mine.npy", "mine.npz"),
        ("first.yaml", None),
        ("missing.npz", None),
        ("missing", None),
        ("data.npz", None),
    ],
)
def test_a_file_is_suggested_if_its_name_without_the_suffix_is_near(name: str, near: str | None) -> None:
    assert find_nearest_file(name, FILES) == near


@pytest.mark.parametrize("file", [file for file in FILES if len(file.partition(".")[0]) > 3])
def test_a_letter_left_out_doubled_or_exchanged_still_finds_a_file(file: str) -> None:
    stem, dot, suffix = file.partition(".")
    for i in range(len(stem)):
        typos = {stem[:i] + stem[i + 1 :], stem[:i] + 2 * stem[i] + stem[i + 1 :]}
        typos.add(stem[:i] + stem[i + 1 : i + 2] + stem[i] + stem[i + 2 :])
        for typo in typos:
            assert find_nearest_file(typo + dot + suffix, FILES) == file, typo
