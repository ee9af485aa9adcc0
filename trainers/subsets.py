"""Subsets: the training examples that an epoch uses, independent of the method.

The order of operations is fixed: the hold-out is removed first (by trainers.data), then examples are ranked, then
classes balanced, then the cut is made. A subset's `select` returns the chosen examples, (N,) bool, given their labels,
the ranking that `needs` names, and the trial's seed. All selections are stable: equal keys keep the order of the data.

A ranking is planned in search.planning.rankings, computed from the profile's records in trainers.scores, stored by
search.execution.prerequisites, and read by the session of each trial, whose trainers.examples calls `select` here.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from trainers.knobs import BurnIn, Knobs, to_epochs
from trainers.plain_subsets import All, Random
from trainers.ranked_subsets import Ranked
from trainers.state import InstanceState

CORRECT, UNLEARNED = "correct", "unlearned"  # columns of the instance state


class DropUnlearned(Knobs):
    """Dong et al. 2021, app. F: drop the examples misclassified in the training pass of the epoch before `epoch`.

    The paper uses only epoch 80 of 160, the default here. Examples are judged once, at the start of `epoch`, by the
    records of that pass: train mode, augmented, attacked, before the update. `instead` says what replaces a dropped
    example: nothing (as in the paper) or its clean image. Within a stage epoch is 0 (judge now) or None (done before).
    """

    name: Literal["drop-unlearned"] = "drop-unlearned"
    epoch: BurnIn | None = "50%"
    instead: Literal["nothing", "clean"] = "nothing"
    needs: ClassVar[None] = None

    @model_validator(mode="after")
    def _later(self) -> DropUnlearned:
        if self.epoch in (0, "0%", None):
            raise ValueError("before the first epoch nothing is learned; take an epoch of at least 1")
        return self

    def begins(self, epochs: int) -> int:
        """Return the first epoch (0-based) that uses the subset; a share may be less than an epoch."""
        return max(1, to_epochs(self.epoch or 0, epochs))

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the subset of an epoch: all examples before `epoch`, then this subset as a stage has it."""
        first = self.begins(epochs)
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


Subset = Annotated[All | Random | Ranked | DropUnlearned, Field(discriminator="name")]
