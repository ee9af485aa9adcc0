"""Targets that the loss fits: labels (B,) or distributions (B, C).

A target class is called with a step; `soft` says whether it returns distributions.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, SerializeAsAny
from torch import Tensor
from torch.nn.functional import one_hot

from trainers.knobs import BurnIn, Knobs, Share, to_epochs
from trainers.starts import training_memory
from trainers.step import Step

COLUMN = "target"


class Given(Knobs):
    """The given labels."""

    name: Literal["given"] = "given"
    soft: ClassVar[bool] = False
    needs_clean: ClassVar[bool] = False

    def __call__(self, step: Step) -> Tensor:
        return step.batch.y


class Smoothed(Knobs):
    """Label smoothing, Szegedy et al. 2016, arXiv:1512.00567: (1 - share) 1_y + share / C."""

    name: Literal["smoothed"] = "smoothed"
    share: Share = 0.1
    soft: ClassVar[bool] = True
    needs_clean: ClassVar[bool] = False

    def at(self, epoch: int, epochs: int) -> Any:
        """Return this target, or the given labels if share is 0."""
        return self if self.share else Given()

    def __call__(self, step: Step) -> Tensor:
        given = one_hot_labels(step)
        return (1 - self.share) * given + self.share / given.shape[1]


class RunningAverage(Knobs):
    """keep 1_y + (1 - keep) t, where t <- momentum t + (1 - momentum) p starts at 1_y and p is the model's prediction.

    follow: robust with keep 0.1 are the adaptive targets of Liu et al. 2021, sec. 6.1 (rho is momentum, beta is keep).
    p is then the prediction at x'; their code takes it before the attack's step, which is follow: start. follow: clean
    with keep 0 is self-adaptive training, Huang et al. 2020, arXiv:2002.10319, eq. 4. An example's t is updated before
    its loss is computed.

    During burn_in the loss fits the labels, and t stays as it is, as in both authors' code. Algorithm 1 of Liu et al.
    updates t from the first epoch on: with `updates: always` t has followed the model for burn_in epochs when it is
    first fitted. The code of self-adaptive training counts epochs from 1 and so begins one earlier: burn_in 69 here
    equals its 70.
    """

    name: Literal["running-average"] = "running-average"
    momentum: Share = 0.9
    keep: Share = 0.0
    burn_in: BurnIn = 5
    follow: Literal["robust", "clean", "start"] = "robust"
    updates: Annotated[
        Literal["after_burn_in", "always"], Field(exclude_if=lambda updates: updates == "after_burn_in")
    ] = "after_burn_in"
    soft: ClassVar[bool] = True

    @property
    def needs_clean(self) -> bool:
        return self.follow == "clean"

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the target of an epoch: the given labels in burn-in or if t can never change them, else this target.

        With `updates: always` a burn-in epoch has a BurnInAverage.
        """
        if self.keep == 1 or self.momentum == 1:
            return Given()
        acting = self.model_copy(update={"burn_in": 0, "updates": "after_burn_in"})
        if epoch >= to_epochs(self.burn_in, epochs):
            return acting
        if self.updates == "after_burn_in":
            return Given()
        return BurnInAverage(average=acting.model_copy(update={"keep": 0.0}))  # keep changes only the fitted target

    def moves(self) -> bool:
        return True

    def __call__(self, step: Step) -> Tensor:
        rows, _, state = training_memory(step.batch)
        given = one_hot_labels(step)
        memory = state.column(COLUMN, (given.shape[1],))
        before = memory[rows]
        before = torch.where(before.sum(1, keepdim=True) == 0, given, before)  # a sum of 0 marks the first visit
        after = self.momentum * before + (1 - self.momentum) * self._followed(step).detach().softmax(1)
        memory[rows] = after
        return self.keep * given + (1 - self.keep) * after

    def _followed(self, step: Step) -> Tensor:
        logits = {"robust": step.robust, "clean": step.clean, "start": step.adversary.logits}[self.follow]
        if logits is None:
            raise TypeError(f"targets that follow {self.follow} need its logits")
        return logits


class BurnInAverage(Knobs):
    """A running average that is updated during its burn-in while the loss fits the labels; it occurs only in stages."""

    name: Literal["watched"] = "watched"
    average: RunningAverage
    soft: ClassVar[bool] = False

    @property
    def needs_clean(self) -> bool:
        return self.average.needs_clean

    def __call__(self, step: Step) -> Tensor:
        self.average(step)
        return step.batch.y


def one_hot_labels(step: Step) -> Tensor:
    """Return the given labels as distributions, (B, C)."""
    return one_hot(step.batch.y, step.robust.shape[1]).to(step.robust.dtype)


# SerializeAsAny: a stage may hold a BurnInAverage, which no YAML file can name
Target = SerializeAsAny[Annotated[Given | Smoothed | RunningAverage, Field(discriminator="name")]]
