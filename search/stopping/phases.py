"""The phases of a training, from its stages: where the learning rate drops, where method or subset change.

An epoch that begins a phase is the first one trained after the change. A comparison of curves needs the phases first,
since the meaning of a curve depends on them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trainers.knobs import Knobs

if TYPE_CHECKING:
    from trainers.config import TrialConfig


@dataclass(frozen=True)
class Phases:
    """The epochs (0-based) that begin a phase, ascending."""

    epochs: int
    drops: tuple[int, ...]  # at most half the learning rate of the epoch before; of a smooth fall, where it is annealed
    switches: tuple[int, ...]  # method, subset or averaging differ from the epoch before
    selects: int = 0  # the first epoch that may be selected as the best; it begins no phase

    @property
    def bounds(self) -> tuple[int, ...]:
        """The epochs that begin a phase, but the first."""
        return tuple(sorted({*self.drops, *self.switches}))

    @property
    def first(self) -> int:
        """The number of epochs of the first phase."""
        return min(self.bounds, default=self.epochs)

    def since(self, epoch: int) -> int:
        """Return the epoch that began the phase of an epoch."""
        place = bisect_right(self.bounds, epoch)
        return self.bounds[place - 1] if place else 0


def phases(config: TrialConfig) -> Phases:
    """Return the phases of a trial; cheap, since a piece is examined once however many trials share it."""
    from trainers.optimizers import find_drops  # late: it imports torch, which reading a rule does not need

    pieces = (config.method, config.subset, config.average)
    found = set().union(*(_switches(piece, config.epochs) for piece in pieces))
    return Phases(config.epochs, find_drops(config.optimizer, config.epochs), tuple(sorted(found)), config.select_from)


@lru_cache(maxsize=4096)
def _switches(piece: Knobs | None, epochs: int) -> frozenset[int]:
    """Return where a piece becomes another one, or a number of it jumps; a number that keeps changing counts once.

    A number that changes from the first epoch on is a schedule, not a switch. A number that comes and goes, such as
    the redrawing of perturbations in every tenth epoch, is no switch either.
    """
    if piece is None or not piece.moves():
        return frozenset()
    found: set[int] = set()
    moved: dict[str, set[int]] = {}
    before = piece.at(0, epochs)
    for epoch in range(1, epochs):
        now = piece.at(epoch, epochs)
        if now != before:
            old, new = dict(_leaves(before)), dict(_leaves(now))
            if _form(old) != _form(new):
                found.add(epoch)
            for path in old.keys() & new.keys():
                if isinstance(old[path], float) and isinstance(new[path], float) and old[path] != new[path]:
                    moved.setdefault(path, set()).add(epoch)
        before = now
    for at in moved.values():
        found |= {e for e in at if e - 1 not in at and (e > 1 or e + 1 not in at)}
    return frozenset(e for e in found if e - 1 not in found)


def _leaves(piece: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each dotted path and its value, numbers as floats."""
    if isinstance(piece, Knobs):
        for name in type(piece).model_fields:
            yield from _leaves(getattr(piece, name), f"{path}.{name}")
    elif isinstance(piece, int | float) and not isinstance(piece, bool):
        yield path, float(piece)
    else:
        yield path, piece


def _form(leaves: dict[str, Any]) -> dict[str, Any]:
    """Return which pieces there are: all values, with None in the place of a number."""
    return {path: None if isinstance(leaf, float) else leaf for path, leaf in leaves.items()}
