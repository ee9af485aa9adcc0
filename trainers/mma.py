"""Max-margin adversarial training: increases the distance of each example to the boundary, up to a hinge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.balls import Norm, check_units, l2_length
from trainers.knobs import Knobs, Real, Share, StepSize, step_length
from trainers.losses import cross_entropy, soft_margin
from trainers.method import Columns, observe
from trainers.passes import UPDATE, Passes
from trainers.starts import training_memory
from trainers.step import Adversary, Batch, Net, Step

COLUMN = "margin"
REACH = 1.05  # times d_max: the farthest boundary that bisection looks for
HALVINGS = 10


class MMA(Knobs):
    """Max-margin adversarial training of Ding et al. 2020, arXiv:1812.02637, as in their code.

    An image is right if its soft logit margin is negative, that is p_y > 1/2; `gate: argmax` takes the likeliest class
    instead. For a right image, PGD within the margin found at its last visit gives a direction, and bisection along it
    finds where the image stops being right: that point and its distance, the new margin. The CE there counts if the
    margin is below d_max. For a wrong image the CE on the image itself counts. A share `clean` of the gradient is that
    of the CE on all images.

    Their code differs in details: its bisection runs with BN in train mode and its boundary point is not clipped to
    [0, 1]; that point is the middle of the bisection's last interval, where here it is the end that is not right; and
    distances are counted in units of the margin that PGD searched, where here they are the perturbation's length.
    """

    kind: Literal["mma"] = "mma"
    adversarial: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = False
    graphs: ClassVar[int] = 2
    d_max: Annotated[Real, Field(gt=0)] = 20 / 255
    least: Annotated[Real, Field(gt=0)] = 0.005  # the smallest margin within which PGD searches
    clean: Share = 1 / 3
    steps: PositiveInt = 10
    step_size: StepSize = "epsilon/4"
    norm: Norm = "linf"
    gate: Literal["soft", "argmax"] = "soft"  # an image is right by p_y > 1/2, or by the likeliest class

    @model_validator(mode="after")
    def _units(self) -> MMA:
        check_units(self.norm, {("d_max",): self.d_max, ("least",): self.least, ("step_size",): self.step_size})
        return self

    def passes(self) -> Passes:
        """Return what one visit of an example costs: PGD, bisection, and two forwards to one update."""
        return PGD(steps=self.steps).passes() + Passes(forwards=HALVINGS + 1) + UPDATE

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        """Yield the loss of a batch and the columns of its examples, as Method does."""
        rows, _, state = training_memory(batch)
        memory = state.column(COLUMN, fill=self.least)
        clean = net(batch.x)
        x, distance = self._boundary(net, batch, memory[rows], rng)
        right = self._right(clean.detach(), batch.y)
        if batch.spared is not None:
            right &= ~batch.spared  # trained on without an attack, like wrong images
        x = torch.where(right.view(-1, 1, 1, 1), x, batch.x)
        memory[rows] = torch.where(right, distance, 0.0).clamp_min(self.least)
        features, robust = net.features_and_logits(x)
        own = cross_entropy(clean, batch.y)
        hinged = torch.where(right, cross_entropy(robust, batch.y) * (distance < self.d_max), own)
        columns = observe(Step(batch, Adversary(x, epsilon=memory[rows]), clean, robust, features), None, batch.y)
        columns["correct"] = right & (distance >= self.d_max)  # at the boundary itself no example is
        yield ((1 - self.clean) * hinged + self.clean * own).mean(), columns

    def _boundary(self, net: Net, batch: Batch, margin: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """Return the point where a line through PGD's adversary stops being right, and its distance, (B, ...), (B,)."""
        epsilon = margin.view(-1, 1, 1, 1)
        attack = PGD(steps=self.steps, norm=self.norm)
        x = attack.perturb(net, batch, rng, epsilon, step_length(self.step_size, epsilon)).x
        delta = x - batch.x
        size = delta.abs().flatten(1).amax(1).view(-1, 1, 1, 1) if self.norm == "linf" else l2_length(delta)
        direction = delta / size.clamp_min(1e-12)
        inside, outside = torch.zeros_like(margin), torch.full_like(margin, REACH * self.d_max)
        with net.attacked("eval"), torch.no_grad():
            for _ in range(HALVINGS):
                middle = (inside + outside) / 2
                holds = self._right(net(_along(batch.x, direction, middle)), batch.y)
                inside, outside = torch.where(holds, middle, inside), torch.where(holds, outside, middle)
        return _along(batch.x, direction, outside), outside

    def _right(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return which images are right by the gate, (B, C), (B,) -> (B,) bool."""
        if self.gate == "argmax":
            return logits.argmax(1) == y
        return soft_margin(logits, y) < 0


def _along(x: Tensor, direction: Tensor, distance: Tensor) -> Tensor:
    return (x + distance.view(-1, 1, 1, 1) * direction).clamp(0, 1)
