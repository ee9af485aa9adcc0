"""Titles of problems, which are the fields in which their `data` blocks differ."""

from __future__ import annotations

import json

from trainers.problems import title_problems


def title(*blocks: dict[str, object]) -> list[str]:
    return list(title_problems([json.dumps(block) for block in blocks]).values())


def test_fields_that_are_not_set_are_left_out() -> None:
    npz = {"name": "npz", "test": None, "train": None, "val": "10%", "path": "mine.npz"}
    digits = {"name": "digits", "test": 360, "train": 1000, "val": 120}
    assert title(npz, digits) == ["name npz, val 10%, path mine.npz", "name digits, test 360, train 1000, val 120"]


def test_no_problem_beside_another_is_without_a_title() -> None:
    assert title({"name": "digits", "train": None}, {"name": "digits", "train": 200}) == ["train not set", "train 200"]
    assert title({"name": "digits", "train": None}) == [""]
