"""The tree that trainings make together: which of their epochs are the same, and after which ones they part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trainers.chain import WIDTH, Chain


class StageTree:
    """The chains of trainings laid over each other; an epoch whose state several have is trained once.

    A state that a training shares with another that parts from it there (or ends there) is a fork.
    """

    def __init__(self, chains: Sequence[Chain], rests: Sequence[Iterable[int]] = ()) -> None:
        """`rests`: epochs after which each training may have to wait; a shared state there is a fork too."""
        depth = max((len(chain) for chain in chains), default=1)
        names = np.zeros((len(chains), depth), np.uint64)  # half a name tells states apart within one sweep
        for row, chain in zip(names, chains, strict=True):
            row[: len(chain)] = np.frombuffer(chain.links, np.uint64).reshape(-1, WIDTH // 8)[:, 0]
        self.lengths = np.array([len(chain) - 1 for chain in chains], np.int64)
        self.names = names
        self.sharers = np.zeros((len(chains), depth + 1), np.int32)  # how many have the state, 0 beyond the end
        self.branches = np.zeros((len(chains), 2), np.int64)  # the first training that each shares with, and how far
        for epoch in range(depth):
            there = np.flatnonzero(self.lengths >= epoch)
            _, first, of, counts = np.unique(names[there, epoch], True, True, True)
            self.sharers[there, epoch] = counts[of]
            later = first[of] < np.arange(len(there))
            if epoch:
                self.branches[there[later]] = np.stack([there[first[of[later]]], np.full(later.sum(), epoch)], axis=1)
        self.adds = self.lengths - self.branches[:, 1]  # epochs of each training that none before it has
        parts = (self.sharers[:, :-1] > 1) & (self.sharers[:, :-1] > self.sharers[:, 1:])
        for i, epochs in enumerate(rests):
            for epoch in epochs:
                parts[i, epoch] = self.sharers[i, epoch] > 1
        parts[:, 0] = False
        self._forks = [tuple(np.flatnonzero(row).tolist()) for row in parts]

    @property
    def distinct(self) -> int:
        """The epochs to train in all."""
        return int(self.adds.sum())

    @property
    def asked(self) -> int:
        """The epochs of all trainings, each counted by itself."""
        return int(self.lengths.sum())

    def forks(self, i: int) -> tuple[int, ...]:
        """After how many epochs others part from the i-th training, ascending."""
        return self._forks[i]

    def shared(self, i: int) -> int:
        """After how many epochs the i-th training has no company any more."""
        return int(np.count_nonzero(self.sharers[i, 1:] > 1))

    def name(self, i: int, epoch: int) -> int:
        """The state of the i-th training after so many epochs, equal for those who share it."""
        return int(self.names[i, epoch])
