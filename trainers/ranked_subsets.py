"""Subsets that are cut from a ranking: that of a profile, or of what the training itself has recorded so far."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field, NonNegativeInt, model_validator

from trainers.knobs import BurnIn, Knobs, Moment, Share, Size, count, fraction, to_epochs
from trainers.plain_subsets import Late, Ranking, select_lowest

ScoreName = Literal[
    "instability",
    "instability_eval",
    "difficulty",
    "difficulty_01",
    "difficulty_last",
    "difficulty_entropy",
    "gradient_norm",
    "kappa",
    "first_learned",
    "probability",
    "min_perturbation",
]
ONCE = ("instability_eval", "probability", "min_perturbation")  # measured at some epochs, or at the end alone
RECORDED = tuple(name for name in get_args(ScoreName) if name not in ONCE)  # by epochs; some by some trainings only


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


class Ranked(Late):
    """A subset chosen by rank in a score that measures how hard an example is to learn robustly.

    friendly / problematic: lowest / highest rank of learning instability (Dong et al. 2021, 'Data profiling for
    adversarial training', eq. 4). easiest / hardest: lowest / highest rank of difficulty (Liu et al. 2021, 'On the
    impact of hard adversarial instances', eq. 1). band: ranks between two quantiles; `size` must then be absent.
    Liu et al. balance the classes of all their subsets. The halves that Dong et al. publish are balanced, but
    their code takes the k friendliest of all classes: the 5000 friendliest contain no cat.

    by: the ranking of a profile, as in these papers; or self: that of what this training has recorded until `start`,
    in its last `window` epochs (None: in all), which needs no other training. Within a stage of the latter `start` is
    0 (choose now) or None (chosen before).
    """

    name: Literal["ranked"] = "ranked"
    start: Annotated[BurnIn | None, Field(exclude_if=lambda start: start == 0)] = 0  # type: ignore[assignment]
    by: Annotated[Literal["profile", "self"], Field(exclude_if=lambda by: by == "profile")] = "profile"  # who ranks
    window: Annotated[Moment | None, Field(exclude_if=lambda window: window is None)] = None  # None: all until `start`
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

    @model_validator(mode="after")
    def _records(self) -> Ranked:
        if self.by == "profile":
            if self.start is None:
                raise ValueError("`start` is a number of epochs, a share of them, or first drop")
            if self.window is not None:
                raise ValueError("`window` counts epochs of this training; it is for `by: self`")
        elif self.start in (0, "0%", None):
            raise ValueError("by: self ranks by the epochs before `start`; give a `start` of at least 1, or first drop")
        elif self.ranks_by not in RECORDED:
            raise ValueError(f"by: self ranks by {', '.join(RECORDED)}; {self.ranks_by} needs a profile")
        return self

    @property
    def ranks_by(self) -> ScoreName:
        """The score whose ranking the subset is cut from."""
        return self.score or ("difficulty" if self.side in ("easiest", "hardest") else "instability")

    @property
    def needs(self) -> ScoreName | None:
        """The score that a profile must rank by, or None if the training ranks its examples itself."""
        return self.ranks_by if self.by == "profile" else None

    def begins(self, epochs: int) -> int:
        """Return the first epoch (0-based) that uses the subset; a training's own record has one epoch at least."""
        first = super().begins(epochs)
        return first if self.by == "profile" else max(1, first)

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the subset of an epoch: all examples before `start`, then this subset as a stage has it."""
        if self.by == "profile" or epoch < (first := self.begins(epochs)):
            return super().at(epoch, epochs)
        if epoch > first:
            return self.model_copy(update={"start": None, "window": None})
        window = None if self.window is None else max(1, to_epochs(self.window, epochs))
        return self.model_copy(update={"start": 0, "window": window})

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
        rank = ranking.get(f"rank_{self.ranks_by}")
        if rank is None:
            raise ValueError(
                f"the ranking has no {self.ranks_by}: the profile's method does not record it; rank by another"
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


def break_ties(rank: np.ndarray) -> np.ndarray:
    """Return the position of each rank in ascending order, (N,) -> (N,) from 0; ties are broken at random, seeded by N.

    If ties were broken by position, data in class order, such as an image folder, would favour the first classes:
    scores that count a few epochs have hundreds of ties.
    """
    lots = np.random.default_rng([len(rank), 0x71E5]).permutation(len(rank))
    places = np.empty(len(rank), int)
    places[np.lexsort((lots, rank))] = np.arange(len(rank))
    return places
