"""Subsets: the training examples that an epoch uses, independent of the method.

The order of operations is fixed: the hold-out is removed first (by trainers.data), then examples are ranked, then
classes balanced, then the cut is made. A subset's `select` returns the chosen examples, (N,) bool, given their labels,
the ranking that `needs` names, and the trial's seed. All selections are stable: equal keys keep the order of the data.

A ranking is planned in search.planning.rankings, computed from the profile's records in trainers.scores, stored by
search.execution.prerequisites, and read by the session of each trial, whose trainers.examples calls `select` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor

from trainers.knobs import Duration, Knobs, Share, Size, count, fraction, to_epochs
from trainers.state import InstanceState

ScoreName = Literal[
    "instability",
    "instability_eval",
    "difficulty",
    "difficulty_01",
    "difficulty_last",
    "difficulty_entropy",
    "kappa",
    "first_learned",
    "probability",
    "min_perturbation",
]
Ranking = Mapping[str, np.ndarray]  # rank_<score>: (N,) in [0, 1], 0 = friendliest


class All(Knobs):
    """Every training example."""

    name: Literal["all"] = "all"
    needs: ClassVar[None] = None

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses."""
        return 1.0

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        """Return the mask of all examples, (N,) bool."""
        return np.ones(len(y), bool)


class Random(Knobs):
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


class Plus(Knobs):
    """Further examples of some classes beside a base subset, to study their effect on these and other classes.

    Dong et al. 2021, Figs. 19 and 20, add to the balanced friendliest 10,000 the 500 most problematic examples of one
    class, of another, or of both; the control is as many friendly ones. They do not say whether the 500 are those of
    both classes together; here `size` counts per class.
    """

    classes: Annotated[tuple[NonNegativeInt, ...], Field(strict=False, min_length=1)]
    side: Literal["friendly", "problematic"] = "problematic"  # lowest or highest rank among those not in the base
    size: Size  # per class; a share is a share of the class

    @model_validator(mode="after")
    def _distinct(self) -> Plus:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"`classes` names each class once; got {list(self.classes)}")
        return self

    def extend(self, base: np.ndarray, rank: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the base with the additions, (N,) bool, rank (N,), labels (N,) -> (N,) bool.

        Raises ValueError if the base leaves too few examples of a class.
        """
        chosen = base.copy()
        for label in self.classes:
            n = count(self.size, int((y == label).sum()), f"subset.plus.size, of class {label}")
            left = np.flatnonzero((y == label) & ~base)
            if len(left) < n:
                raise ValueError(f"subset.plus.size: asked for {n} of class {label}, of which {len(left)} are left")
            ascending = left[np.argsort(rank[left], kind="stable")]
            chosen[ascending[:n] if self.side == "friendly" else ascending[len(left) - n :]] = True
        return chosen


class Ranked(Knobs):
    """A subset chosen by rank in a score that measures how hard an example is to learn robustly.

    friendly / problematic: lowest / highest rank of learning instability (Dong et al. 2021, 'Data profiling for
    adversarial training', eq. 4). easiest / hardest: lowest / highest rank of difficulty (Liu et al. 2021, 'On the
    impact of hard adversarial instances', eq. 1). band: ranks between two quantiles; `size` must then be absent.
    Liu et al. balance the classes of all their subsets. The halves that Dong et al. publish are balanced, but
    their code takes the k friendliest of all classes: the 5000 friendliest contain no cat.
    """

    name: Literal["ranked"] = "ranked"
    side: Literal["friendly", "problematic", "easiest", "hardest", "band"] = "friendly"
    score: ScoreName | None = None  # None: instability, or difficulty for easiest and hardest
    size: Size | None = None
    band: Annotated[tuple[Share, Share] | None, Field(strict=False)] = None
    balance: Literal["none", "per_class"] = "none"
    plus: Plus | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Ranked:
        if self.side == "band":
            if self.band is None or self.size is not None or not self.band[0] < self.band[1]:
                raise ValueError("side band needs `band: [low, high]`, shares with low < high, and no `size`")
            if self.balance != "none":
                raise ValueError("side band is cut from the rank alone; it cannot be balanced")
        elif self.size is None or self.band is not None:
            raise ValueError(f"side {self.side} needs `size` (a count or a share such as '80%') and no `band`")
        return self

    @property
    def needs(self) -> str:
        """The score whose ranking the subset is cut from."""
        return self.score or ("difficulty" if self.side in ("easiest", "hardest") else "instability")

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        """Return the mask of the chosen examples, (N,) bool.

        Raises ValueError if the ranking is missing, lacks the score or has another length, or if there are too few
        examples.
        """
        rank = self._rank(ranking, len(y))
        base = self._base(rank, y)
        return base if self.plus is None else self.plus.extend(base, rank, y)

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples in the base, or None if their number is unknown.

        The few examples of `plus` are left out.
        """
        return self.band[1] - self.band[0] if self.band is not None else fraction(self.size or 0, examples)

    def count_examples(self, y: np.ndarray) -> int:
        """Return the number of examples in the subset, which does not depend on the ranking."""
        plus = self.plus
        more = [count(plus.size, int((y == label).sum()), "subset.plus.size") for label in plus.classes] if plus else []
        return int(self._base(break_ties(np.zeros(len(y))), y).sum()) + sum(more)

    def check_sizes(self, y: np.ndarray) -> None:
        """Raise ValueError if there are too few examples with these labels, whatever the ranking."""
        equal = break_ties(np.zeros(len(y)))
        base = self._base(equal, y)
        if self.plus is not None:  # what a base leaves of each class is known without a ranking only if it is balanced
            self.plus.extend(base & (self.balance == "per_class"), equal, y)

    def _rank(self, ranking: Ranking | None, examples: int) -> np.ndarray:
        if ranking is None:
            raise ValueError(f"subset {self.side} needs a ranking; add a `profile:` block that makes one")
        rank = ranking.get(f"rank_{self.needs}")
        if rank is None:
            raise ValueError(
                f"the ranking has no {self.needs}: the profile's method does not record it; rank by another"
            )
        if len(rank) != examples:
            raise ValueError(f"the ranking has {len(rank)} examples and the training data {examples}; they must match")
        return break_ties(rank)

    def _base(self, rank: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.band is not None:
            quantile = rank / len(rank)
            chosen: np.ndarray = (quantile >= self.band[0]) & (quantile < self.band[1])
            if not chosen.any():
                raise ValueError(f"subset.band: none of {len(y)} examples lies in {list(self.band)}; widen it")
            return chosen
        k = count(self.size or 0, len(y), "subset.size")
        if self.side in ("friendly", "easiest"):
            return select_lowest(rank, y, k, self.balance)
        return select_lowest(-rank[::-1], y[::-1], k, self.balance)[::-1]  # reversed, so that k and N - k never overlap


CORRECT, UNLEARNED = "correct", "unlearned"  # columns of the instance state


class DropUnlearned(Knobs):
    """Dong et al. 2021, app. F: drop the examples misclassified in the training pass of the epoch before `epoch`.

    The paper uses only epoch 80 of 160, the default here. Examples are judged once, at the start of `epoch`, by the
    records of that pass: train mode, augmented, attacked, before the update. `instead` says what replaces a dropped
    example: nothing (as in the paper) or its clean image. Within a stage epoch is 0 (judge now) or None (done before).
    """

    name: Literal["drop-unlearned"] = "drop-unlearned"
    epoch: Duration | None = "50%"
    instead: Literal["nothing", "clean"] = "nothing"
    needs: ClassVar[None] = None

    @model_validator(mode="after")
    def _later(self) -> DropUnlearned:
        if self.epoch in (0, "0%", None):
            raise ValueError("before the first epoch nothing is learned; take an epoch of at least 1")
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the subset of an epoch: all examples before `epoch`, then this subset as a stage has it."""
        first = max(1, to_epochs(self.epoch or 0, epochs))  # a share may be less than an epoch
        if epoch < first:
            return All()
        return self.model_copy(update={"epoch": 0 if epoch == first else None})

    def moves(self) -> bool:
        return True

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses, at most: the state decides."""
        return 1.0

    def select(self, y: np.ndarray, ranking: object, seed: int) -> np.ndarray:
        """Return the mask of all examples, (N,) bool: which are dropped depends on the state (`judge`)."""
        return np.ones(len(y), bool)

    def judge(self, state: InstanceState) -> np.ndarray:
        """Return the examples that this stage drops, or trains on clean images, (N,) bool."""
        if self.epoch == 0 and UNLEARNED not in state.columns:  # a second call, after the epoch, must not judge anew
            state.columns[UNLEARNED] = ~correct_column(state)
        return state.columns[UNLEARNED].cpu().numpy()


def correct_column(state: InstanceState) -> Tensor:
    """Return the state column of examples correct under attack at their last visit, (N,) bool.

    Every training keeps it, so that a training with DropUnlearned can fork from any other.
    """
    return state.column(CORRECT, dtype=torch.bool)


def break_ties(rank: np.ndarray) -> np.ndarray:
    """Return the position of each rank in ascending order, (N,) -> (N,) from 0; ties are broken at random, seeded by N.

    If ties were broken by position, data in class order, such as an image folder, would favour the first classes:
    scores that count a few epochs have hundreds of ties.
    """
    lots = np.random.default_rng([len(rank), 0x71E5]).permutation(len(rank))
    places = np.empty(len(rank), int)
    places[np.lexsort((lots, rank))] = np.arange(len(rank))
    return places


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


Subset = Annotated[All | Random | Ranked | DropUnlearned, Field(discriminator="name")]
