"""Names of configurations and trainings that fit few columns and still tell one from another.

The axes in a name stand from what all methods share to what differs most. What is cut is therefore a name's beginning,
and all names of a list are shortened in one way.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len


def shorten_configurations(names: Sequence[str], room: int) -> list[str]:
    """Return the names of configurations in at most `room` columns: without hash, then axis names, then beginnings."""
    return _shorten_axes([_strip_hash(name) for name in names], room)


def shorten_trainings(names: Sequence[str], room: int) -> list[str]:
    """Return the names of trainings in at most `room` columns: whole if all fit, else shortened like configurations."""
    if all(cell_len(name) <= room for name in names):
        return list(names)
    parts = [name.rpartition(",") for name in names]
    return _shorten_axes([f"{_strip_hash(configuration)}{comma}{seed}" for configuration, comma, seed in parts], room)


def _shorten_axes(names: list[str], room: int) -> list[str]:
    if any(cell_len(name) > room for name in names):
        names = [",".join(_strip_axis(part) for part in name.split(",")) for name in names]
    return [_cut_beginning(name, room) for name in names]


def _strip_axis(part: str) -> str:
    return part if part.startswith("seed=") else part.rpartition("=")[2]


def _strip_hash(name: str) -> str:
    return name.rpartition("-")[0] or name


def _cut_beginning(name: str, room: int) -> str:
    if cell_len(name) <= room:
        return name
    while cell_len(name) >= room > 1:
        name = name[1:]
    return f"…{name}"
