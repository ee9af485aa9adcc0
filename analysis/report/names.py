"""Names in a sentence: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable

MAX_NAMES = 4


def join_first(names: Iterable[object]) -> str:
    """Join the first few different names, and say how many more there are; "none" without any."""
    known = list(dict.fromkeys(map(str, names)))
    more = f" and {len(known) - MAX_NAMES} more" if len(known) > MAX_NAMES else ""
    return "; ".join(known[:MAX_NAMES]) + more if known else "none"
