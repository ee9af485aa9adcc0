"""Targets: what the loss is asked to fit, labels (B,) or distributions (B, C)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from trainers.knobs import Duration, Knobs, Share, lasting
from trainers.starts import remembered
from trainers.step import Step

COLUMN = "target"


class Given(Knobs):
    """The given labels: the neutral member."""

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
        return self if self.share else Given()

    def __call__(self, step: Step) -> Tensor:
        given = labels(step)
        return (1 - self.share) * given + self.share / given.shape[1]


class RunningAverage(Knobs):
    """keep 1_y + (1 - keep) t, where t <- momentum t + (1 - momentum) p follows the model's own predictions from 1_y.

    follow: robust with keep 0.1 are the adaptive targets of Liu et al. 2021, sec. 6.1 (rho is momentum, beta is keep;
    p is taken at x', where their code takes it before the step: follow: start). follow: clean with keep 0 is
    self-adaptive training, Huang et al. 2020, arXiv:2002.10319, eq. 4. An example's t is updated before its loss.

    During burn_in t stays as it is, as in both authors' code; Algorithm 1 of Liu et al. updates it from the first epoch
    on. The code of self-adaptive training counts epochs from 1 and so begins one earlier: burn_in 69 follows its 70.
    """

    name: Literal["running-average"] = "running-average"
    momentum: Share = 0.9
    keep: Share = 0.0
    burn_in: Duration = 5
    follow: Literal["robust", "clean", "start"] = "robust"
    soft: ClassVar[bool] = True

    @property
    def needs_clean(self) -> bool:
        return self.follow == "clean"

    def at(self, epoch: int, epochs: int) -> Any:
        if epoch < lasting(self.burn_in, epochs) or self.keep == 1 or self.momentum == 1:
            return Given()
        return self.model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True

    def __call__(self, step: Step) -> Tensor:
        rows, _, state = remembered(step.batch)
        given = labels(step)
        memory = state.column(COLUMN, (given.shape[1],))
        before = memory[rows]
        before = torch.where(before.sum(1, keepdim=True) == 0, given, before)  # no distribution yet: the first visit
        after = self.momentum * before + (1 - self.momentum) * self._followed(step).detach().softmax(1)
        memory[rows] = after
        return self.keep * given + (1 - self.keep) * after

    def _followed(self, step: Step) -> Tensor:
        logits = {"robust": step.robust, "clean": step.clean, "start": step.adversary.logits}[self.follow]
        if logits is None:
            raise TypeError(f"targets that follow {self.follow} need its logits")
        return logits


def labels(step: Step) -> Tensor:
    """The given labels as distributions, (B, C)."""
    return one_hot(step.batch.y, step.robust.shape[1]).to(step.robust.dtype)


Target = Annotated[Given | Smoothed | RunningAverage, Field(discriminator="name")]
