"""Optimisers and their learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from trainers.knobs import Knobs, Real, Share
from trainers.schedules import Bend, Piecewise, Ramp, Schedule, schedule_in_epoch

ANNEALED = 0.1  # of its peak: below it a learning rate that falls smoothly counts as dropped

# A factor on a batch's mean loss before its gradient is computed; recorded losses are not scaled. 1/64 reproduces the
# code of Zheng et al. 2020 (ATTA), which divides a mean over 64 examples by 64 again. Under SGD, a factor 1/n equals a
# learning rate n times smaller with a weight decay n times larger.
LossScale = Annotated[Real, Field(gt=0, exclude_if=lambda scale: scale == 1)]


class _Optimizer(Knobs):
    lr: Schedule | Ramp | Bend = Piecewise(values=(0.1, 0.01, 0.001), drops=(0.5, 0.75))
    weight_decay: Annotated[Real, Field(ge=0)] = 5e-4
    loss_scale: LossScale = 1.0

    def at(self, epoch: int, epochs: int) -> Any:
        """Return this optimizer with the epoch's learning rate: a number, or a ramp or bend that changes every step."""
        if isinstance(self.lr, Ramp | Bend):
            return self
        return self.model_copy(update={"lr": schedule_in_epoch(self.lr, epoch, epochs)})

    def lr_at(self, step: int, steps: int) -> float:
        """Return the learning rate of one step (0-based) in an epoch of `steps` steps."""
        if isinstance(self.lr, Ramp | Bend):
            return self.lr.at_step(step, steps)
        return float(self.lr)  # type: ignore[arg-type]


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum and no dampening, as all three papers use it."""

    name: Literal["sgd"] = "sgd"
    momentum: Share = 0.9
    nesterov: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0; got 0")
        return self

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the torch optimizer, whose learning rate the trainer sets before each step."""
        return torch.optim.SGD(
            parameters, lr=0.0, momentum=self.momentum, weight_decay=self.weight_decay, nesterov=self.nesterov
        )


class Adam(_Optimizer):
    """Adam, Kingma & Ba 2015, arXiv:1412.6980; Liu et al. 2021 use it in an ablation (1e-4, constant)."""

    name: Literal["adam"] = "adam"
    lr: Schedule | Ramp | Bend = 1e-4

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the torch optimizer, whose learning rate the trainer sets before each step."""
        return torch.optim.Adam(parameters, lr=0.0, weight_decay=self.weight_decay)


Optimizer = Annotated[SGD | Adam, Field(discriminator="name")]


@lru_cache(maxsize=4096)
def find_drops(optimizer: Optimizer, epochs: int) -> tuple[int, ...]:
    """Return the epochs in which the learning rate drops, ascending: where a constant rate falls to half or less.

    A rate without such a fall drops where it is annealed, once; one that never is does not drop.
    """
    rates = [_rate(optimizer.at(epoch, epochs).lr) for epoch in range(epochs)]
    falls = [e for e in range(1, epochs) if rates[e] <= rates[e - 1] / 2 and rates[e - 1] > 0]
    still = tuple(e for e in falls if e == 1 or rates[e - 2] == rates[e - 1] or rates[e : e + 2] == [rates[e]] * 2)
    if still:
        return still
    peak = rates.index(max(rates))
    return tuple(e for e in range(peak, epochs) if rates[e] < ANNEALED * rates[peak])[:1]


def _rate(lr: float | Ramp | Bend) -> float:
    return (lr.start + lr.end) / 2 if isinstance(lr, Ramp | Bend) else float(lr)
