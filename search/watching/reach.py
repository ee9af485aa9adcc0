"""How far the trainings of a sweep have come together, from how far each one has; no names of states are needed.

Trainings are in the order of the plan. Each branches off an earlier one, the first that shares most with it, after so
many epochs (none: 0); the epochs behind its branch are its own, and the distinct epochs are the own ones of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Branch = Sequence[int]  # an earlier training, and after how many epochs this one leaves it


def reached(depths: Iterable[int], branches: Sequence[Branch]) -> list[int]:
    """How deep each chain goes that somebody went: itself, or one that branches off it, as far as that is the same."""
    deep = list(depths)
    for i in range(len(deep) - 1, -1, -1):
        earlier, epoch = branches[i]
        deep[earlier] = max(deep[earlier], min(deep[i], epoch))
    return deep


def begun(deep: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """From which epoch on each could go, given what was reached: on its own chain or on the one it branches off."""
    at: list[int] = []
    for i, (earlier, epoch) in enumerate(branches):
        at.append(max(deep[i], min(epoch, at[earlier])) if i and epoch else deep[i])
    return at


def own(deep: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """How many distinct epochs that makes, each counted for the first training that has it."""
    return [max(0, depth - epoch) for depth, (_, epoch) in zip(deep, branches, strict=True)]


def remaining(wanted: Sequence[int], done: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """How many distinct epochs are still to be trained, counted likewise; `wanted` and `done` are depths."""
    asked, deep = reached(wanted, branches), reached(done, branches)
    starts = (max(depth, epoch) for depth, (_, epoch) in zip(deep, branches, strict=True))
    return [max(0, depth - start) for depth, start in zip(asked, starts, strict=True)]
