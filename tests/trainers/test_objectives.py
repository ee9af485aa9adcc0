"""Constraints and objectives as a space writes them."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.objectives import SIGNS, measure_violation, split_constraint


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("val_clean_acc >= 0.8", ("val_clean_acc", ">=", "0.8")),
        (" val_pgd_acc<=80 % ", ("val_pgd_acc", "<=", "80 %")),
        ("val_clean_acc > 0.8", None),
        ("val_clean_acc >= 0.1 <= 0.2", None),
        ("0.8", None),
    ],
)
def test_a_constraint_is_split_into_its_parts(text: str, parts: tuple[str, str, str] | None) -> None:
    assert split_constraint(text) == parts


def test_a_bound_itself_is_kept_and_nan_keeps_none() -> None:
    values = np.array([0.7, 0.8, 0.9, np.nan])
    assert (measure_violation(values, ">=", 0.8) <= 0).tolist() == [False, True, True, False]
    assert (measure_violation(values, "<=", 0.8) <= 0).tolist() == [True, True, False, False]


def test_signs_make_more_better() -> None:
    assert SIGNS["max"] * 2 > SIGNS["max"] * 1 and SIGNS["min"] * 1 > SIGNS["min"] * 2
