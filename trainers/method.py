"""A training method made of pieces: here alone attack, loss, weight and target meet, and a batch becomes a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD, NoAttack
from trainers.awp import AWP, frozen_statistics, perturbed_weights
from trainers.iat import IAT
from trainers.knobs import Knobs, to_epochs
from trainers.losses import MART, CrossEntropy, Loss, cross_entropy
from trainers.passes import Passes
from trainers.step import Adversary, Batch, Net, Step
from trainers.targets import Given, Target
from trainers.weights import Confidence, Geometry, Probability, Uniform, Weight

Columns = dict[str, Tensor]
Attack = Annotated[NoAttack | PGD | IAT, Field(discriminator="name")]


class Method(Knobs):
    """Attack x loss x weight x target, and perhaps adversarial weight perturbation."""

    kind: Literal["pieces"] = "pieces"
    attack: Attack = PGD()
    loss: Loss = CrossEntropy()
    weight: Weight = Uniform()
    target: Target = Given()
    awp: AWP | None = None

    @model_validator(mode="after")
    def _fit(self) -> Method:
        if self.target.soft and not self.loss.takes_soft:
            raise ValueError(
                f"loss {self.loss.name} needs labels and target {self.target.name} is a distribution; "
                "take target: given, or loss ce or trades"
            )
        if isinstance(self.attack, NoAttack) and self.loss.needs_clean:
            raise ValueError(
                f"loss {self.loss.name} compares an image with its adversary, and attack none makes none; take loss: ce"
            )
        one_climb = isinstance(self.attack, PGD) and self.attack.steps and self.attack.restarts == 1
        if self.loss.needs_start and not one_climb:
            raise ValueError(
                f"loss {self.loss.name} compares an adversary with the one start of its attack; take attack "
                "{name: pgd} with a step or more and without restarts"
            )
        if isinstance(self.weight, Confidence) and not self.target.soft:
            raise ValueError(
                "weight confidence is that of a running target, and a label's is always 1; take target "
                "{name: running-average}"
            )
        if isinstance(self.weight, Geometry) and not isinstance(self.attack, PGD):
            raise ValueError(
                f"weight {self.weight.name} goes by the steps that an example withstands, and attack "
                f"{self.attack.name} counts none; take attack {{name: pgd}}"
            )
        if self._through_weight and self.awp is not None:
            raise ValueError("no gradient goes through a weight taken where awp has left; take detach: true, or no awp")
        if isinstance(self.weight, Geometry) and isinstance(self.attack, PGD) and self.attack.steps < 2:
            raise ValueError(
                f"weight {self.weight.name} goes by the attack's steps; take 2 or more, got {self.attack.steps}"
            )
        if getattr(self.target, "follow", None) == "start" and not getattr(self.attack, "steps", 0):
            raise ValueError(
                f"target {self.target.name} with follow: start goes by the prediction where the attack begins, and "
                f"attack {self.attack.name} takes no step; take follow: robust"
            )
        return self

    @property
    def adversarial(self) -> bool:
        """Return whether the method trains on adversaries, and not on the images alone."""
        return not isinstance(self.attack, NoAttack)

    @property
    def counts_steps(self) -> bool:
        """Return whether the method records kappa."""
        return getattr(self.attack, "steps", 0) > 0

    @property
    def graphs(self) -> int:
        """Number of forwards that the backward of an update goes back through."""
        through_weight = self._through_weight and self.weight.needs_clean
        return 1 + (self.loss.needs_clean or through_weight) + self.loss.needs_start

    @property
    def _through_weight(self) -> bool:
        return isinstance(self.weight, Probability) and not self.weight.detach

    def at(self, epoch: int, epochs: int) -> Any:
        now = super().at(epoch, epochs)
        if isinstance(now.weight, Confidence) and not now.target.soft:
            now = now.model_copy(update={"weight": Uniform()})
        if isinstance(now.weight, Uniform) and isinstance(now.loss, MART):  # without a weight both are MART
            now = now.model_copy(update={"loss": now.loss.model_copy(update={"weighs": "ce"})})
        if now.awp is not None:
            on = epoch >= to_epochs(now.awp.burn_in, epochs)
            now = now.model_copy(update={"awp": now.awp.model_copy(update={"burn_in": 0}) if on else None})
        return now

    def moves(self) -> bool:
        return super().moves() or self.awp is not None

    def passes(self) -> Passes:
        """Return what one visit of an example costs, as the method acts in one epoch (`at`)."""
        look = Passes(forwards=1 + self._needs_clean + self.loss.needs_start, backwards=1)
        ascent = Passes() if self.awp is None else look
        return self.attack.passes() + ascent + look + Passes(updates=1)

    @property
    def _needs_clean(self) -> bool:
        return self.loss.needs_clean or self.weight.needs_clean or self.target.needs_clean

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        """Yield the training loss of a batch, a scalar, and the columns recorded of its examples, (B,) each.

        The caller makes one update of the weights from each loss before it takes the next.
        """
        adversary = with_clean_images(batch, self.attack(net, batch, rng))
        if self.awp is None:
            step = self._look(net, batch, adversary)
            target = self.target(step)
            weight = self.weight(step, target)
            yield self.loss(step, target, weight).mean(), observe(step, weight, target)
            return
        with frozen_statistics(net):
            step = self._look(net, batch, adversary)
            target = self.target(step)  # once, as it updates its memory
            weight = self.weight(step, target)
            offsets = self.awp.compute_offsets(net, self.loss(step, target, weight))
        with perturbed_weights(offsets):
            there = self._look(net, batch, adversary)
            yield self.loss(there, target, weight).mean(), observe(step, weight, target)

    def _look(self, net: Net, batch: Batch, adversary: Adversary) -> Step:
        clean = net(batch.x) if self._needs_clean else None
        start = net(adversary.start) if self.loss.needs_start and adversary.start is not None else None
        features, robust = net.features_and_logits(adversary.x)
        return Step(batch, adversary, clean, robust, features, start)


def with_clean_images(batch: Batch, adversary: Adversary) -> Adversary:
    """Return the adversary, with the image itself for examples that the batch spares."""
    if batch.spared is None:
        return adversary
    spared = batch.spared.view(-1, 1, 1, 1)
    start = None if adversary.start is None else torch.where(spared, batch.x, adversary.start)
    return adversary._replace(x=torch.where(spared, batch.x, adversary.x), start=start)


def observe(step: Step, weight: Tensor | None, target: Tensor) -> Columns:
    """Return the columns of a training step before its update: CE, correctness, p_y and feature norm on the adversary.

    `entropy` is that of the prediction there, and `gradient_norm` that of the climbed loss where an attack begins. Soft
    targets add their entry of the label, `t_y`, their largest entry, `t_max` (before a weight scales it), its class,
    `t_class`, and whether the prediction is that class, on the adversary, `t_correct`, and on the image,
    `t_clean_correct`. All are (B,).
    """
    logits, y = step.robust.detach(), step.batch.y
    p = logits.softmax(1)
    columns = {
        "loss": cross_entropy(logits, y),
        "correct": logits.argmax(1) == y,
        "p_y": p.gather(1, y[:, None]).squeeze(1),
        "entropy": torch.special.entr(p).sum(1),
        "feature_norm": step.features.detach().norm(dim=1),
    }
    if step.clean is not None:
        columns["clean_correct"] = step.clean.detach().argmax(1) == y
    if step.adversary.kappa is not None:
        columns["kappa"] = step.adversary.kappa
    if step.adversary.epsilon is not None:
        columns["epsilon"] = step.adversary.epsilon
    if step.adversary.gradient_norm is not None:
        columns["gradient_norm"] = step.adversary.gradient_norm
    if weight is not None:
        columns["weight"] = weight.detach()
    if target.ndim > 1:
        columns["t_y"] = target.gather(1, y[:, None]).squeeze(1)
        columns["t_max"], columns["t_class"] = target.amax(1), target.argmax(1)
        columns["t_correct"] = logits.argmax(1) == columns["t_class"]
        if step.clean is not None:
            columns["t_clean_correct"] = step.clean.detach().argmax(1) == columns["t_class"]
    return columns
