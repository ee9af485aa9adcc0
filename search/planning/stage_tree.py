"""The tree of stages: the epochs that trainings share, and the forks where they part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trainers.state_chain import WIDTH, Chain


class StageTree:
    """The chains of trainings merged by their states; an epoch that several trainings share is trained once.

    A fork is a state that a training shares with another that parts from it, or ends, there.
    """

    def __init__(self, chains: Sequence[Chain], rungs: Sequence[Iterable[int]] = ()) -> None:
        """Merge chains; at `rungs`, epochs after which a training may have to wait, a shared state is a fork too."""
        depth = max((len(chain) for chain in chains), default=1)
        names = np.zeros((len(chains), depth), np.uint64)  # half a name distinguishes the states of one sweep
        for row, chain in zip(names, chains, strict=True):
            row[: len(chain)] = np.frombuffer(chain.links, np.uint64).reshape(-1, WIDTH // 8)[:, 0]
        self.lengths = np.array([len(chain) - 1 for chain in chains], np.int64)
        self.names = names
        self.sharers = np.zeros(
            (len(chains), depth + 1), np.int32
        )  # number of trainings with the state, 0 beyond the end
        self.branches = np.zeros((len(chains), 2), np.int64)  # the first training it shares epochs with, and how many
        for epoch in range(depth):
            there = np.flatnonzero(self.lengths >= epoch)
            _, first, group, counts = np.unique(names[there, epoch], True, True, True)
            self.sharers[there, epoch] = counts[group]
            later = first[group] < np.arange(len(there))
            if epoch:
                self.branches[there[later]] = np.stack(
                    [there[first[group[later]]], np.full(later.sum(), epoch)], axis=1
                )
        self.new_epochs = self.lengths - self.branches[:, 1]  # epochs of each training that no earlier training has
        parts = (self.sharers[:, :-1] > 1) & (self.sharers[:, :-1] > self.sharers[:, 1:])
        for i, epochs in enumerate(rungs):
            for epoch in epochs:
                parts[i, epoch] = self.sharers[i, epoch] > 1
        parts[:, 0] = False
        self._forks = [tuple(np.flatnonzero(row).tolist()) for row in parts]

    @property
    def distinct(self) -> int:
        """The total number of epochs to train."""
        return int(self.new_epochs.sum())

    @property
    def asked(self) -> int:
        """The total number of epochs if nothing were shared."""
        return int(self.lengths.sum())

    def forks(self, i: int) -> tuple[int, ...]:
        """Return the epochs after which others part from the i-th training, ascending."""
        return self._forks[i]

    def count_shared(self, i: int) -> int:
        """Return the number of epochs that the i-th training shares with others."""
        return int(np.count_nonzero(self.sharers[i, 1:] > 1))

    def get_state(self, i: int, epoch: int) -> int:
        """Return a number for the state of the i-th training after an epoch; trainings that share it have the same."""
        return int(self.names[i, epoch])
