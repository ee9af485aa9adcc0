"""Numbers and text of a block: rounded, without NaN, and safe inside the element of a page that holds them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

ACCURACY_DIGITS = 6  # behind the point of a share: a hundredth of the accuracy of one in 10,000 images
POINT_DIGITS = 4  # of percent and points
KNOB_DIGITS = 6  # significant ones


def format_block(block: Mapping[str, Any]) -> str:
    """Write a block as JSON for a <script> of a page: no name in it can end the element, nor begin a comment."""
    text = json.dumps(block, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def round_number(value: float, digits: int) -> float | int | None:
    """Round a number to digits behind the point; None if it is not finite, an integer if it is whole."""
    value = float(value)
    if not math.isfinite(value):
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded.is_integer() else rounded


def round_numbers(values: Iterable[float], digits: int = ACCURACY_DIGITS) -> list[float | int | None]:
    """Round each number, those that are not finite to None."""
    return [round_number(value, digits) for value in values]


def round_significant(value: float) -> float | int:
    """Round a finite number to KNOB_DIGITS significant digits."""
    rounded = float(f"{value:.{KNOB_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
