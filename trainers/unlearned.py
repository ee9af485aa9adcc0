"""Partial early stopping: what is not learned by some epoch is dropped, or trained on without an attack."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from trainers.knobs import Duration, Knobs, lasting
from trainers.state import InstanceState

CORRECT, UNLEARNED = "correct", "unlearned"


class DropUnlearned(Knobs):
    """Dong et al. 2021, app. F: examples misclassified in the training pass of the epoch before `epoch`.

    They are judged once, at the start of `epoch`, by what that pass itself recorded: train mode, augmented, attacked,
    before the update. `instead`: nothing (the paper) or the clean image. Within a stage epoch is 0 (judge now) or
    None (as judged).
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
        from trainers.subsets import All  # late: the union there names this class

        first = max(1, lasting(self.epoch or 0, epochs))  # a share may come to less than an epoch
        if epoch < first:
            return All()
        return self.model_copy(update={"epoch": 0 if epoch == first else None})

    def moves(self) -> bool:
        return True

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
