"""What a page has no room for: problems and methods take turns, and the page says what it leaves out."""

from __future__ import annotations

from analysis.results.page_cut import PageCut, cut_each, cut_end, cut_in_turn


def test_problems_take_turns_and_rows_keep_their_order() -> None:
    assert cut_in_turn(["a"] * 5 + ["b"] * 2, 4).rows == [0, 1, 5, 6]
    assert cut_in_turn(["a"] * 3, 2, order=[2, 1, 0]).rows == [1, 2]
    assert cut_in_turn(["a", "b"], 4) == PageCut([0, 1], 2)


def test_each_problem_keeps_as_many_rows_and_its_methods_take_turns() -> None:
    problems = ["a"] * 4 + ["b"]
    assert cut_each(problems, 2).rows == [0, 1, 4]
    assert cut_each(problems, 2, order=[3, 2, 1, 0, 4]).rows == [2, 3, 4]
    assert cut_each(problems, 2, order=[3, 2, 1, 0, 4], methods=["x", "x", "y", "y", "x"]).rows == [1, 3, 4]


def test_a_cut_says_what_is_shown_and_where_all_rows_are_and_says_nothing_if_all_are_shown() -> None:
    assert cut_end(90, 60).describe("rows", "the first", "front") == (
        "Shown are 60 of 90 rows (the first); tables/front.csv has all."
    )
    assert cut_end(60, 60).describe("rows", "the first", "front") == ""
