"""Names of configurations and trainings that fit few columns and still tell one from another.

The axes in a name stand from what all methods share to what differs most. What is cut is therefore a name's beginning,
and all names of a list are shortened in one way. Where that takes the names of the axes, the list has them once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

SHORTEST_AXIS = 4  # characters of a shortened axis
SEED = "seed="

AxisKey = tuple[str, int]  # an axis as names have it, and how many of the same word stand before it


class ShortNames(NamedTuple):
    """Shortened names, and the axes that they lost."""

    names: list[str]
    axes: str  # in the order of the values, [bracketed] if not all names have it; empty if the names say it themselves


def shorten_configurations(names: Sequence[str], room: int) -> ShortNames:
    """Return the names of configurations in at most `room` columns: without hash, then axis names, then beginnings."""
    return _shorten_axes([_strip_hash(name) for name in names], room)


def shorten_trainings(names: Sequence[str], room: int) -> ShortNames:
    """Return the names of trainings in at most `room` columns: whole if all fit, else shortened like configurations."""
    if all(cell_len(name) <= room for name in names):
        return ShortNames(list(names), "")
    parts = [name.rpartition(",") for name in names]
    return _shorten_axes([f"{_strip_hash(configuration)}{comma}{seed}" for configuration, comma, seed in parts], room)


def _shorten_axes(names: list[str], room: int) -> ShortNames:
    if all(cell_len(name) <= room for name in names):
        return ShortNames(names, "")
    values = [",".join(_strip_axis(part) for part in name.split(",")) for name in names]
    cut = [_cut_beginning(name, room) for name in values]
    return ShortNames(cut, _join_axes([_list_axes(name) for name in names], cut, room))


def _strip_axis(part: str) -> str:
    return part if part.startswith(SEED) else part.rpartition("=")[2]


def _list_axes(name: str) -> list[AxisKey | None]:
    """Return the axis of each part of a name; None for one without, and for the seed, which keeps its name."""
    axes = ["" if part.startswith(SEED) else part.rpartition("=")[0] for part in name.split(",")]
    return [(axis, axes[:i].count(axis)) if axis else None for i, axis in enumerate(axes)]


def _join_axes(axes: list[list[AxisKey | None]], cut: list[str], room: int) -> str:
    """Return the axes whose values are left in the names, in at most `room` columns; the first are left out first."""
    listed = [_keep_visible(own, name) for own, name in zip(axes, cut, strict=True)]
    having = Counter(axis for own in listed for axis in own)
    order = _merge_orders(listed)
    for first in range(len(order)):
        kept = order[first:]
        sides = [("[", "]") if having[axis] < len(listed) else ("", "") for axis in kept]
        begin = "…," if first else ""
        signs = len(begin) + sum(len(left + right) for left, right in sides) + len(kept) - 1
        words = _shrink_words([word for word, _ in kept], room - signs)
        text = begin + ",".join(f"{left}{word}{right}" for word, (left, right) in zip(words, sides, strict=True))
        if cell_len(text) <= room:
            return text
    return ""


def _keep_visible(axes: list[AxisKey | None], name: str) -> list[AxisKey]:
    """Return the axes whose values, or ends of them, a name still has after its beginning was cut."""
    parts = name.removeprefix("…,").count(",") + 1
    return [axis for axis in axes[-parts:] if axis]


def _merge_orders(lists: list[list[AxisKey]]) -> list[AxisKey]:
    """Return all axes in an order that agrees with each list, as all are parts of one order."""
    merged: list[AxisKey] = []
    for axes in lists:
        place = 0
        for axis in axes:
            if axis not in merged:
                merged.insert(place, axis)
            place = merged.index(axis) + 1
    return merged


def _shrink_words(words: list[str], room: int) -> list[str]:
    """Shorten the longest words until all together fit, or none can be shortened further."""
    words = list(words)
    while sum(map(cell_len, words)) > room and max(map(len, words)) > SHORTEST_AXIS:
        longest = max(range(len(words)), key=lambda i: len(words[i]))
        words[longest] = f"{words[longest].removesuffix('…')[: len(words[longest]) - 2]}…"
    return words


def _strip_hash(name: str) -> str:
    return name.rpartition("-")[0] or name


def _cut_beginning(name: str, room: int) -> str:
    if cell_len(name) <= room:
        return name
    while cell_len(name) >= room > 1:
        name = name[1:]
    return f"…{name}"
