"""Subsets that need no ranking, and what all cuts share: when they begin, and how many of each class they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt

from trainers.knobs import BurnIn, Knobs, Size, count, fraction, to_epochs

Ranking = Mapping[str, np.ndarray]  # rank_<score>: (N,) in [0, 1], 0 = friendliest


class All(Knobs):
    """Every training example."""

    name: Literal["all"] = "all"
    needs: ClassVar[None] = None

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses."""
        return 1.0

    def begins(self, epochs: int) -> int:
        """Return the first epoch (0-based) that uses the subset."""
        return 0

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        """Return the mask of all examples, (N,) bool."""
        return np.ones(len(y), bool)


class Late(Knobs):
    """A subset that may begin late: an epoch before `start` uses all examples.

    Trials that differ in the subset alone then share those epochs. Within a stage `start` is 0.
    """

    start: Annotated[BurnIn, Field(exclude_if=lambda start: start == 0)] = 0  # all examples before

    def begins(self, epochs: int) -> int:
        """Return the first epoch (0-based) that uses the subset."""
        return to_epochs(self.start, epochs)

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the subset of an epoch: all examples before `start`, then this subset as a stage has it."""
        if self.start == 0:
            return self
        return All() if epoch < self.begins(epochs) else self.model_copy(update={"start": 0})

    def moves(self) -> bool:
        return self.start != 0


class Random(Late):
    """A random subset: the control that separates the effect of which examples are kept from that of how many."""

    name: Literal["random"] = "random"
    size: Size
    balance: Literal["none", "per_class"] = "none"
    seed: NonNegativeInt | None = None  # None: the trial's own seed, so that replicates draw different subsets
    needs: ClassVar[None] = None

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses, or None if their number is unknown."""
        return fraction(self.size, examples)

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        """Return the mask of `size` random examples, (N,) bool. Raises ValueError if a class has too few."""
        rng = np.random.default_rng([seed if self.seed is None else self.seed, 0x5B5E7])
        return select_lowest(rng.permutation(len(y)), y, count(self.size, len(y), "subset.size"), self.balance)


def select_lowest(key: np.ndarray, y: np.ndarray, k: int, balance: str) -> np.ndarray:
    """Return the mask of the k examples of lowest key, (N,), labels (N,) -> (N,) bool.

    balance per_class takes equally many of every class, and of the first classes one more if k is no multiple of their
    number. Raises ValueError if a class has too few examples.
    """
    chosen = np.zeros(len(y), bool)
    if balance == "none":
        chosen[np.argsort(key, kind="stable")[:k]] = True
        return chosen
    classes = np.unique(y)
    quota = np.full(len(classes), k // len(classes))
    quota[: k % len(classes)] += 1
    for label, n in zip(classes, quota, strict=True):
        members = np.flatnonzero(y == label)
        if len(members) < n:
            raise ValueError(
                f"subset.size {k} balanced over {len(classes)} classes takes {n} of class {label}, which has only "
                f"{len(members)}; ask for at most {len(classes) * min(np.bincount(y)[classes])}, or balance: none"
            )
        chosen[members[np.argsort(key[members], kind="stable")[:n]]] = True
    return chosen
