"""Optimisers and their learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from trainers.knobs import Knobs, Real, Share
from trainers.schedules import Bend, Piecewise, Ramp, Schedule, schedule_in_epoch

# What a batch's mean loss is multiplied by before its gradient is taken; what is recorded is not. 1/64 is the code of
# Zheng et al. 2020 (ATTA), which divides a mean over 64 examples by 64 again. Under SGD it is a learning rate so many
# times smaller with a weight decay so many times larger.
LossScale = Annotated[Real, Field(gt=0, exclude_if=lambda it: it == 1)]


class _Optimizer(Knobs):
    lr: Schedule | Ramp | Bend = Piecewise(values=(0.1, 0.01, 0.001), drops=(0.5, 0.75))
    weight_decay: Annotated[Real, Field(ge=0)] = 5e-4
    loss_scale: LossScale = 1.0

    def at(self, epoch: int, epochs: int) -> Any:
        """With this epoch's learning rate: a number, or a ramp or bend where it moves with every step."""
        if isinstance(self.lr, Ramp | Bend):
            return self
        return self.model_copy(update={"lr": schedule_in_epoch(self.lr, epoch, epochs)})

    def lr_at(self, step: int, steps: int) -> float:
        """The learning rate of one step (0-based) of an epoch of `steps`."""
        if isinstance(self.lr, Ramp | Bend):
            return self.lr.at_step(step, steps)
        return float(self.lr)  # type: ignore[arg-type]


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum, no dampening: what all three papers use."""

    name: Literal["sgd"] = "sgd"
    momentum: Share = 0.9
    nesterov: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0; got 0")
        return self

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, lr=0.0, momentum=self.momentum, weight_decay=self.weight_decay, nesterov=self.nesterov
        )


class Adam(_Optimizer):
    """Kingma & Ba 2015, arXiv:1412.6980; for the optimiser ablation of Liu et al. 2021 (1e-4, constant)."""

    name: Literal["adam"] = "adam"
    lr: Schedule | Ramp | Bend = 1e-4

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=0.0, weight_decay=self.weight_decay)


Optimizer = Annotated[SGD | Adam, Field(discriminator="name")]
