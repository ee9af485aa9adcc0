"""Labels: short names of values in ids, tables and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainers.record_io import digest

DIGITS, MAX_DIGITS = 4, 17  # significant digits of numbers; 17 distinguish all floats


def format_label(value: Any, digits: int = DIGITS) -> str:
    """Return a short name of a value, the same wherever the value occurs; numbers have `digits` digits."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, dict):
        head = value.get("name") or value.get("base") or value.get("side")
        rest = ",".join(
            f"{key}={format_label(item, digits)}" for key, item in value.items() if key not in ("name", "base")
        )
        text = ":".join(part for part in (str(head or ""), rest) if part)
        return text if len(text) <= 40 else f"{text[:30]}~{digest(value)[:6]}"
    return ",".join(format_label(item, digits) for item in value)


def choose_digits(low: float, high: float) -> int:
    """Return the digits for labels of a range: DIGITS, or two more than distinguish its ends if DIGITS do not."""
    apart = next((n for n in range(DIGITS, MAX_DIGITS) if format_label(low, n) != format_label(high, n)), MAX_DIGITS)
    return DIGITS if apart == DIGITS else min(apart + 2, MAX_DIGITS)


def format_distinct_labels(values: Sequence[Any]) -> list[str]:
    """Return a label for each value. Values with equal labels get as many more digits as distinguish them."""
    labels = [format_label(value) for value in values]
    for digits in range(DIGITS + 1, MAX_DIGITS + 1):
        times = Counter(labels)
        if len(times) == len(labels):
            break
        pairs = zip(labels, values, strict=True)
        labels = [format_label(value, digits) if times[label] > 1 else label for label, value in pairs]
    return labels
