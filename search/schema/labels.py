"""Labels: the short names of values, in ids, tables and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainers.record_io import digest

DIGITS, MOST = 4, 17  # of numbers; so many tell all floats apart


def label_of(value: Any, digits: int = DIGITS) -> str:
    """A short name of a value, the same wherever it is written; numbers to so many digits."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, dict):
        head = value.get("name") or value.get("base") or value.get("side")
        rest = ",".join(f"{k}={label_of(v, digits)}" for k, v in value.items() if k not in ("name", "base"))
        text = ":".join(part for part in (str(head or ""), rest) if part)
        return text if len(text) <= 40 else f"{text[:30]}~{digest(value)[:6]}"
    return ",".join(label_of(v, digits) for v in value)


def digits_between(low: float, high: float) -> int:
    """Of the labels of what is drawn between: the usual number, unless that does not tell even the ends apart."""
    apart = next((n for n in range(DIGITS, MOST) if label_of(low, n) != label_of(high, n)), MOST)
    return DIGITS if apart == DIGITS else min(apart + 2, MOST)


def distinct_labels(values: Sequence[Any]) -> list[str]:
    """A label for each value; those that would have the same are told to as many digits as tell them apart."""
    labels = [label_of(value) for value in values]
    for digits in range(DIGITS + 1, MOST + 1):
        times = Counter(labels)
        if len(times) == len(labels):
            break
        labels = [label_of(value, digits) if times[it] > 1 else it for it, value in zip(labels, values, strict=True)]
    return labels
