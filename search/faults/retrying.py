"""How often a training is tried again that came to no end of its own."""

from __future__ import annotations


class Retries:
    """Counts, of each training, how often it got no further; a worker killed now and then is no fault of its own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # times in a row without a deeper stored state
        self._lost: dict[int, tuple[int, int]] = {}  # after how many epochs, and how often there
        self._alone: set[int] = set()  # had their one try without company

    def lost(self, i: int, at: int) -> bool:
        """Whether a training is tried again whose worker died, when a state after `at` epochs was stored."""
        before, times = self._lost.get(i, (at, 0))
        times = times + 1 if at <= before else 1
        self._lost[i] = max(at, before), times
        return times <= self.limit

    def out_of_memory(self, i: int) -> bool:
        """Whether a training is tried again for which memory ran out: once, alone."""
        first = i not in self._alone
        self._alone.add(i)
        return first
