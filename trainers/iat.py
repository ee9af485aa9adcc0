"""Instance-adaptive training: each example has an epsilon of its own, which follows how robust it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.balls import check_units
from trainers.knobs import Duration, Knobs, Real, Share, StepSize, lasting, step_length
from trainers.starts import training_memory
from trainers.step import Adversary, Batch, Net

COLUMN = "epsilon"


class IAT(Knobs):
    """Balaji et al. 2019, arXiv:1910.08051, Alg. 1, as in their code: a candidate radius, and its running average.

    The candidate is epsilon_i + gamma where PGD within that leaves the example right, else epsilon_i, else
    epsilon_i - gamma; 0 where the image itself is misclassified. Steps are epsilon_i / (K / 2), but at least
    least_step.

    Before that come burn_in epochs of a warm-up. plain: PGD training at `epsilon`, where every epsilon_i starts then,
    as in the code of Liu et al. 2021, whose appendix C gives no start. gated: at each visit epsilon_i is `epsilon`
    where the image itself is classified correctly and 0 elsewhere, as in the code of Balaji et al. That code also
    attacks with BN in train mode, its call of eval() being commented out, and does not clip the random start of PGD to
    [0, 1], as is done here.
    """

    name: Literal["iat"] = "iat"
    epsilon: Annotated[Real, Field(gt=0)] = 8 / 255
    gamma: Annotated[Real, Field(ge=0)] = 1.9 / 255
    momentum: Share = 0.9
    steps: PositiveInt = 10
    least_step: StepSize = "epsilon/4"
    burn_in: Duration = 5
    warm_up: Annotated[Literal["plain", "gated"], Field(exclude_if=lambda it: it == "plain")] = "plain"
    bn: Literal["eval", "train"] = "eval"

    @model_validator(mode="after")
    def _units(self) -> IAT:
        check_units("linf", {("epsilon",): self.epsilon, ("gamma",): self.gamma, ("least_step",): self.least_step})
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        """Within a stage burn_in is 1, while the gate sets radii, or 0."""
        warming = epoch < lasting(self.burn_in, epochs)
        if self.warm_up == "plain" and (warming or self.momentum == 1):  # a radius that never moves is no radius
            return PGD(epsilon=self.epsilon, step_size=self.least_step, steps=self.steps, bn=self.bn)
        return self.model_copy(update={"burn_in": int(warming)})

    def moves(self) -> bool:
        return True

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        rows, _, state = training_memory(batch)
        memory = state.column(COLUMN, fill=self.epsilon if self.warm_up == "plain" else 0.0)
        radius = memory[rows]
        with net.attacked(self.bn), torch.no_grad():
            correct = net(batch.x).argmax(1) == batch.y
        if self.warm_up == "gated" and self.burn_in:
            radius = self.epsilon * correct
        else:
            wide = self._robust(net, batch, radius + self.gamma, rng)
            near = self._robust(net, batch, radius, rng)
            radius = averaged(radius, candidate(radius, correct, wide, near, self.gamma), self.momentum)
        memory[rows] = radius
        return self._climbed(net, batch, radius, rng)._replace(epsilon=radius)

    def _robust(self, net: Net, batch: Batch, radius: Tensor, rng: Generator) -> Tensor:
        """(B,) bool: right at the end of PGD within the radius."""
        x = self._climbed(net, batch, radius, rng).x
        with net.attacked(self.bn), torch.no_grad():
            return net(x).argmax(1) == batch.y

    def _climbed(self, net: Net, batch: Batch, radius: Tensor, rng: Generator) -> Adversary:
        attack = PGD(steps=self.steps, bn=self.bn)
        epsilon = radius.view(-1, 1, 1, 1)
        least = step_length(self.least_step, self.epsilon)
        return attack.within(net, batch, rng, epsilon, (2 * epsilon / self.steps).clamp_min(least))


def candidate(radius: Tensor, correct: Tensor, wide: Tensor, near: Tensor, gamma: float) -> Tensor:
    """The radius that an example asks for, (B,): one gamma up where robust there, one down where not robust here."""
    asked = torch.where(wide, radius + gamma, torch.where(near, radius, radius - gamma))
    return torch.where(correct, asked, 0).clamp_min(0)


def averaged(radius: Tensor, asked: Tensor, momentum: float) -> Tensor:
    return momentum * radius + (1 - momentum) * asked
