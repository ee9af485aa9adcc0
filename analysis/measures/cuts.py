"""The rows of a long table that a figure or a page shows."""

from __future__ import annotations

from collections.abc import Sequence

PAGE_ROWS = 18  # rows that fit one sheet of paper at full size
MAX_ROWS = 4 * PAGE_ROWS  # rows that are drawn; the tables have all rows


def take_in_turn(settings: Sequence[str], most: int, order: Sequence[int] | None = None) -> list[int]:
    """Choose at most `most` rows, taking settings in turn, and return them in their order.

    Within a setting the first rows are chosen, or the first by `order`.
    """
    turns: dict[str, int] = {}
    keys = []
    for place in order if order is not None else range(len(settings)):
        turns[settings[place]] = turns.get(settings[place], -1) + 1
        keys.append((turns[settings[place]], place))
    return sorted(place for _, place in sorted(keys)[:most])


def group_by_setting(settings: Sequence[str], kept: Sequence[int]) -> list[int]:
    """Sort rows so that rows of a setting are consecutive, with settings in the order of their first row."""
    order = list(dict.fromkeys(settings))
    return [place for _, place in sorted(zip((order.index(setting) for setting in settings), kept, strict=True))]
