"""Instance-adaptive training: each example has its own epsilon, which follows the robustness of the example."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.balls import check_units
from trainers.knobs import BurnIn, Knobs, Real, Share, StepSize, step_length, to_epochs
from trainers.passes import Passes
from trainers.starts import training_memory
from trainers.step import Adversary, Batch, Net

COLUMN = "epsilon"


class IAT(Knobs):
    """Instance-adaptive attack of Balaji et al. 2019, arXiv:1910.08051, Alg. 1: a running average of candidate radii.

    As in their code, the candidate is epsilon_i + gamma if PGD within that radius leaves the example right, else
    epsilon_i if PGD within that does, else epsilon_i - gamma; it is 0 if the image itself is misclassified. Steps are
    epsilon_i / (K / 2), but at least least_step.

    A warm-up of burn_in epochs comes first. plain: PGD training at `epsilon`, from which every epsilon_i then starts,
    as in the code of Liu et al. 2021, whose appendix C gives no start. gated: at each visit epsilon_i is `epsilon` if
    the image itself is classified correctly and 0 otherwise, as in the code of Balaji et al. That code also attacks
    with BN in train mode, as its call of eval() is commented out, and does not clip the random start of PGD to [0, 1],
    unlike this one.
    """

    name: Literal["iat"] = "iat"
    epsilon: Annotated[Real, Field(gt=0)] = 8 / 255
    gamma: Annotated[Real, Field(ge=0)] = 1.9 / 255
    momentum: Share = 0.9
    steps: PositiveInt = 10
    least_step: StepSize = "epsilon/4"
    burn_in: BurnIn = 5
    warm_up: Annotated[Literal["plain", "gated"], Field(exclude_if=lambda warm_up: warm_up == "plain")] = "plain"
    bn: Literal["eval", "train"] = "eval"

    @model_validator(mode="after")
    def _units(self) -> IAT:
        check_units("linf", {("epsilon",): self.epsilon, ("gamma",): self.gamma, ("least_step",): self.least_step})
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the attack of an epoch: PGD, or this one with burn_in 1 while the gate sets radii, and 0 later."""
        warming = epoch < to_epochs(self.burn_in, epochs)
        if self.warm_up == "plain" and (warming or self.momentum == 1):  # radii that never move are PGD
            return PGD(epsilon=self.epsilon, step_size=self.least_step, steps=self.steps, bn=self.bn)
        return self.model_copy(update={"burn_in": int(warming)})

    def moves(self) -> bool:
        return True

    def passes(self) -> Passes:
        """Return what the attack costs, as it acts in one epoch: three climbs and three looks, or one while gated."""
        climb_and_look = PGD(steps=self.steps).passes() + Passes(forwards=1)
        return climb_and_look * (1 if self._gated else 3)

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        rows, _, state = training_memory(batch)
        memory = state.column(COLUMN, fill=self.epsilon if self.warm_up == "plain" else 0.0)
        radius = memory[rows]
        with net.attacked(self.bn), torch.no_grad():
            correct = net(batch.x).argmax(1) == batch.y
        if self._gated:
            radius = self.epsilon * correct
        else:
            wide = self._robust(net, batch, radius + self.gamma, rng)
            near = self._robust(net, batch, radius, rng)
            radius = averaged(radius, candidate(radius, correct, wide, near, self.gamma), self.momentum)
        memory[rows] = radius
        return self._climbed(net, batch, radius, rng)._replace(epsilon=radius)

    @property
    def _gated(self) -> bool:
        return self.warm_up == "gated" and bool(self.burn_in)

    def _robust(self, net: Net, batch: Batch, radius: Tensor, rng: Generator) -> Tensor:
        """Return which examples are classified correctly after PGD within the radius, (B,) bool."""
        x = self._climbed(net, batch, radius, rng).x
        with net.attacked(self.bn), torch.no_grad():
            return net(x).argmax(1) == batch.y

    def _climbed(self, net: Net, batch: Batch, radius: Tensor, rng: Generator) -> Adversary:
        attack = PGD(steps=self.steps, bn=self.bn)
        epsilon = radius.view(-1, 1, 1, 1)
        least = step_length(self.least_step, self.epsilon)
        return attack.perturb(net, batch, rng, epsilon, (2 * epsilon / self.steps).clamp_min(least))


def candidate(radius: Tensor, correct: Tensor, wide: Tensor, near: Tensor, gamma: float) -> Tensor:
    """Return the candidate radii, (B,): gamma larger if robust there, gamma smaller if not robust within the radius."""
    asked = torch.where(wide, radius + gamma, torch.where(near, radius, radius - gamma))
    return torch.where(correct, asked, 0).clamp_min(0)


def averaged(radius: Tensor, asked: Tensor, momentum: float) -> Tensor:
    """Return the running average of the radii, moved toward the candidates, (B,)."""
    return momentum * radius + (1 - momentum) * asked
