"""Max-margin adversarial training: each example's distance to the boundary is pushed out, up to a hinge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.balls import Norm, check_units, length
from trainers.knobs import Knobs, Real, Share, StepSize, step_length
from trainers.losses import cross_entropy
from trainers.method import Columns, observe
from trainers.starts import remembered
from trainers.step import Adversary, Batch, Net, Step

COLUMN = "margin"
REACH = 1.05  # how far beyond the hinge a boundary is looked for
HALVINGS = 10


class MMA(Knobs):
    """Ding et al. 2020, arXiv:1812.02637, as in their code.

    Of a correctly classified image: PGD within the margin found at its last visit gives a direction, bisection along
    it the boundary point and the new margin; its CE there counts if the margin is below d_max. A misclassified
    image counts by its own CE. A share `clean` of the gradient is that of the CE on all images.
    """

    kind: Literal["mma"] = "mma"
    adversarial: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = False
    graphs: ClassVar[int] = 2
    d_max: Annotated[Real, Field(gt=0)] = 20 / 255
    least: Annotated[Real, Field(gt=0)] = 0.005  # margin within which PGD looks at least
    clean: Share = 1 / 3
    steps: PositiveInt = 10
    step_size: StepSize = "epsilon/4"
    norm: Norm = "linf"

    @model_validator(mode="after")
    def _units(self) -> MMA:
        check_units(self.norm, {("d_max",): self.d_max, ("least",): self.least, ("step_size",): self.step_size})
        return self

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        rows, _, state = remembered(batch)
        memory = state.column(COLUMN, fill=self.least)
        clean = net(batch.x)
        x, distance = self._boundary(net, batch, memory[rows], rng)
        right = clean.detach().argmax(1) == batch.y
        if batch.spared is not None:
            right &= ~batch.spared  # trained on as they are, like those that are misclassified
        x = torch.where(right.view(-1, 1, 1, 1), x, batch.x)
        memory[rows] = torch.where(right, distance, 0.0).clamp_min(self.least)
        features, robust = net.features_and_logits(x)
        own = cross_entropy(clean, batch.y)
        hinged = torch.where(right, cross_entropy(robust, batch.y) * (distance < self.d_max), own)
        columns = observe(Step(batch, Adversary(x, epsilon=memory[rows]), clean, robust, features), None, batch.y)
        columns["correct"] = right & (distance >= self.d_max)  # at the boundary itself none is
        yield ((1 - self.clean) * hinged + self.clean * own).mean(), columns

    def _boundary(self, net: Net, batch: Batch, margin: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """The point where a line through PGD's adversary leaves the class, and how far it is, (B, ...), (B,)."""
        epsilon = margin.view(-1, 1, 1, 1)
        attack = PGD(steps=self.steps, norm=self.norm)
        x = attack.within(net, batch, rng, epsilon, step_length(self.step_size, epsilon)).x
        delta = x - batch.x
        size = delta.abs().flatten(1).amax(1).view(-1, 1, 1, 1) if self.norm == "linf" else length(delta)
        direction = delta / size.clamp_min(1e-12)
        inside, outside = torch.zeros_like(margin), torch.full_like(margin, REACH * self.d_max)
        with net.attacked("eval"), torch.no_grad():
            for _ in range(HALVINGS):
                middle = (inside + outside) / 2
                holds = net(_along(batch.x, direction, middle)).argmax(1) == batch.y
                inside, outside = torch.where(holds, middle, inside), torch.where(holds, outside, middle)
        return _along(batch.x, direction, outside), outside


def _along(x: Tensor, direction: Tensor, distance: Tensor) -> Tensor:
    return (x + distance.view(-1, 1, 1, 1) * direction).clamp(0, 1)
