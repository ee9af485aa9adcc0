"""Subsets: which training examples an epoch uses. The fifth axis, independent of the method.

Order is fixed: the hold-out is removed first (the data does it), then examples are ranked, then classes balanced,
then the cut is made. All selections are stable: equal ranks keep the order of the data.
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
        return np.ones(len(y), bool)


class Random(Knobs):
    """As many examples drawn at random: the control without which an effect of k cannot be told from one of size."""

    name: Literal["random"] = "random"
    size: Size
    balance: Literal["none", "per_class"] = "none"
    seed: NonNegativeInt | None = None  # None: the trial's own seed, so that replicates draw different subsets
    needs: ClassVar[None] = None

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses, or None if their number is unknown."""
        return fraction(self.size, examples)

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        rng = np.random.default_rng([seed if self.seed is None else self.seed, 0x5B5E7])
        return lowest(rng.permutation(len(y)), y, count(self.size, len(y), "subset.size"), self.balance)


class Plus(Knobs):
    """Further examples of some classes beside those of a base: what do they do to these and to the other classes?

    Dong et al. 2021, Figs. 19 and 20: beside the balanced friendliest 10,000, the 500 most problematic of a class, of
    another, or of both; the control is as many friendly ones. Whether their 500 are those of both classes together is
    not said; here `size` is that of each class.
    """

    classes: Annotated[tuple[NonNegativeInt, ...], Field(strict=False, min_length=1)]
    side: Literal["friendly", "problematic"] = "problematic"  # lowest or highest rank of those that the base leaves
    size: Size  # of each class; a share is one of the class

    @model_validator(mode="after")
    def _distinct(self) -> Plus:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"`classes` names each class once; got {list(self.classes)}")
        return self

    def beside(self, base: np.ndarray, rank: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The base and its additions, (N,) bool, (N,), (N,) -> (N,) bool.

        Raises ValueError where the base leaves fewer of a class.
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
    """Examples by their rank in a score of how hard they are to learn robustly.

    friendly / problematic: lowest / highest rank of learning instability (Dong et al. 2021, 'Data profiling for
    adversarial training', eq. 4). easiest / hardest: of difficulty (Liu et al. 2021, 'On the impact of hard
    adversarial instances', eq. 1). band: between two quantiles of the rank, `size` must then be absent.
    Liu et al. balance the classes of all their subsets. Dong et al. publish balanced halves, but their code cuts the k
    friendliest of all without: of the 5000 friendliest none is a cat.
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
        """The score whose ranking this subset is cut from."""
        return self.score or ("difficulty" if self.side in ("easiest", "hardest") else "instability")

    def select(self, y: np.ndarray, ranking: Ranking | None, seed: int) -> np.ndarray:
        rank = self._rank(ranking, len(y))
        base = self._base(rank, y)
        return base if self.plus is None else self.plus.beside(base, rank, y)

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples in the base, or None if their number is unknown.

        The few examples of `plus` are left out.
        """
        return self.band[1] - self.band[0] if self.band is not None else fraction(self.size or 0, examples)

    def count(self, y: np.ndarray) -> int:
        """How many examples it holds, which no ranking changes."""
        plus = self.plus
        more = [count(plus.size, int((y == label).sum()), "subset.plus.size") for label in plus.classes] if plus else []
        return int(self._base(untied(np.zeros(len(y))), y).sum()) + sum(more)

    def check(self, y: np.ndarray) -> None:
        """Raises ValueError if these labels have too few examples whatever the ranking."""
        equal = untied(np.zeros(len(y)))
        base = self._base(equal, y)
        if self.plus is not None:  # how many of each class a base leaves is known beforehand only if it is balanced
            self.plus.beside(base & (self.balance == "per_class"), equal, y)

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
        return untied(rank)

    def _base(self, rank: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.band is not None:
            quantile = rank / len(rank)
            chosen: np.ndarray = (quantile >= self.band[0]) & (quantile < self.band[1])
            if not chosen.any():
                raise ValueError(f"subset.band: none of {len(y)} examples lies in {list(self.band)}; widen it")
            return chosen
        k = count(self.size or 0, len(y), "subset.size")
        if self.side in ("friendly", "easiest"):
            return lowest(rank, y, k, self.balance)
        return lowest(-rank[::-1], y[::-1], k, self.balance)[::-1]  # reversed, so that k and N - k never overlap


CORRECT, UNLEARNED = "correct", "unlearned"  # columns of the state


class DropUnlearned(Knobs):
    """Dong et al. 2021, app. F: examples misclassified in the training pass of the epoch before `epoch`.

    The paper's text has epoch 80 of 160, the default here, and no other. Examples are judged once, at the start of
    `epoch`, by what that pass itself recorded: train mode, augmented, attacked, before the update. `instead`: nothing
    (the paper) or the clean image. Within a stage epoch is 0 (judge now) or None (as judged).
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
        first = max(1, to_epochs(self.epoch or 0, epochs))  # a share may come to less than an epoch
        if epoch < first:
            return All()
        return self.model_copy(update={"epoch": 0 if epoch == first else None})

    def moves(self) -> bool:
        return True

    def fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that the subset uses, at most: the state decides."""
        return 1.0

    def select(self, y: np.ndarray, ranking: object, seed: int) -> np.ndarray:
        """Everyone: who is dropped depends on the state."""
        return np.ones(len(y), bool)

    def judged(self, state: InstanceState) -> np.ndarray:
        """Whom this stage drops or spares, (N,) bool."""
        if self.epoch == 0 and UNLEARNED not in state.columns:  # asked again after the epoch, it stands
            state.columns[UNLEARNED] = ~correct(state)
        return state.columns[UNLEARNED].cpu().numpy()


def correct(state: InstanceState) -> Tensor:
    """Who was right under attack at its last visit, (N,) bool; kept of every training, so that any may fork here."""
    return state.column(CORRECT, dtype=torch.bool)


def untied(rank: np.ndarray) -> np.ndarray:
    """The places of the ranks in their order, (N,) -> (N,) from 0, ties drawn by lots that hang on N alone.

    Broken by position, ties in data that lies class by class, as an image folder does, would go to the first classes:
    shares of few epochs tie by the hundred.
    """
    lots = np.random.default_rng([len(rank), 0x71E5]).permutation(len(rank))
    places = np.empty(len(rank), int)
    places[np.lexsort((lots, rank))] = np.arange(len(rank))
    return places


def lowest(key: np.ndarray, y: np.ndarray, k: int, balance: str) -> np.ndarray:
    """The k examples of lowest key, (N,), (N,) -> (N,) bool; per_class takes equally many of every class.

    Raises ValueError if a class has fewer than its share.
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
