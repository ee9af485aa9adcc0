"""Attacks: from a batch to its adversary. One projected gradient ascent whose dialects are knobs.

Madry et al. 2018, arXiv:1706.06083: x <- project(x + step_size * direction(gradient)), first on the epsilon-ball,
then on [0, 1]. Which start, which loss is climbed, which BN mode and which point is returned differ between
papers, change their numbers, and are therefore fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Generator, Tensor

from trainers.knobs import Knobs, StepSize, step_length
from trainers.losses import cross_entropy, kl, margin
from trainers.schedules import Schedule
from trainers.step import Adversary, Batch, Net


class NoAttack(Knobs):
    """Standard training: the adversary is the clean image."""

    name: Literal["none"] = "none"

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        return Adversary(batch.x)


class PGD(Knobs):
    """K steps of projected gradient ascent within epsilon; FGSM is one step of size epsilon from the image itself.

    kappa counts, over the K points from which a step was taken (the first is the start), those still classified
    correctly: Algorithm 1 of Zhang et al. 2021 (arXiv:2010.01736) and their code. Their text says "least number of
    steps to fool", which agrees unless a prediction flips back. The last point is never inspected, so kappa = K does
    not imply robustness. With restarts, the least over them.
    """

    name: Literal["pgd"] = "pgd"
    epsilon: Schedule = 8 / 255
    step_size: StepSize = "epsilon/4"
    steps: NonNegativeInt = 10
    norm: Literal["linf", "l2"] = "linf"
    start: Literal["none", "uniform", "normal"] = "uniform"
    ascend: Literal["ce", "kl", "margin"] = "ce"
    bn: Literal["eval", "train"] = "eval"
    keep: Literal["last", "worst"] = "last"
    restarts: PositiveInt = 1

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        """The adversary of a batch; of several restarts, per example, the point where the climbed loss is highest."""
        with net.attacked(self.bn):
            clean = None
            if self.ascend == "kl":
                with torch.no_grad():
                    clean = net(batch.x)  # once: it does not change while the attack runs
            best, top = self._climb(net, batch, clean, rng)
            for _ in range(self.restarts - 1):
                other, height = self._climb(net, batch, clean, rng)
                best, top = _pick(best, top, other, height)
        return best

    def _climb(self, net: Net, batch: Batch, clean: Tensor | None, rng: Generator) -> tuple[Adversary, Tensor]:
        """One run from one start: its adversary and the loss climbed there (zeros if nobody compares it)."""
        epsilon = float(self.epsilon)  # type: ignore[arg-type]
        length = step_length(self.step_size, epsilon)
        x = self._project(batch.x, batch.x + self._start(batch.x, epsilon, rng), epsilon)
        kappa = torch.zeros_like(batch.y)
        every_point = self.keep == "worst"
        best, top = x, torch.full(batch.y.shape, -torch.inf, device=x.device)
        for _ in range(self.steps):
            x = x.detach().requires_grad_()  # a new leaf: best may be this very point
            logits = net(x)
            value = self._height(logits, batch.y, clean)
            kappa = kappa + (logits.argmax(1) == batch.y)
            gradient = net.input_gradient(value, x)
            x = x.detach()
            if every_point:
                best, top = _higher(best, top, x, value.detach())
            x = self._project(batch.x, x + length * self._direction(gradient), epsilon)
        if not every_point and self.restarts == 1:
            return Adversary(x, kappa), torch.zeros_like(top)
        with torch.no_grad():
            logits = net(x)
            value = self._height(logits, batch.y, clean)
        survived = (kappa == self.steps) & (logits.argmax(1) == batch.y)
        best, top = _higher(best, top, x, value) if every_point else (x, value)
        return Adversary(best, kappa, survived), top

    def _height(self, logits: Tensor, y: Tensor, clean: Tensor | None) -> Tensor:
        """The climbed loss per example, (B, C) -> (B,)."""
        if clean is not None:
            return kl(clean, logits)
        return cross_entropy(logits, y) if self.ascend == "ce" else margin(logits, y)

    def _start(self, x: Tensor, epsilon: float, rng: Generator) -> Tensor:
        """A start's offset: U(-epsilon, epsilon) (l2: random direction, radius U(0, epsilon)), or 0.001 N(0, 1)."""
        if self.start == "none":
            return torch.zeros_like(x)
        if self.start == "normal":
            return 0.001 * _normal(x, rng)
        if self.norm == "linf":
            return epsilon * (2 * torch.rand(x.shape, generator=rng, device=x.device) - 1)
        radius = epsilon * torch.rand((len(x), 1, 1, 1), generator=rng, device=x.device)
        return radius * _unit(_normal(x, rng))

    def _direction(self, gradient: Tensor) -> Tensor:
        """Steepest ascent in the norm: the sign (sign(0) = 0), or the unit vector."""
        return gradient.sign() if self.norm == "linf" else _unit(gradient)

    def _project(self, x: Tensor, point: Tensor, epsilon: float) -> Tensor:
        """Onto the epsilon-ball around x, then onto [0, 1]."""
        if self.norm == "linf":
            return torch.clamp(point, x - epsilon, x + epsilon).clamp_(0, 1)
        delta = point - x
        shrink = (epsilon / _length(delta).clamp_min(1e-12)).clamp_max(1)
        return (x + delta * shrink).clamp_(0, 1)


def _normal(x: Tensor, rng: Generator) -> Tensor:
    return torch.randn(x.shape, generator=rng, device=x.device)


def _length(delta: Tensor) -> Tensor:
    """l2 length of each example, (B, ...) -> (B, 1, 1, 1)."""
    return delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def _unit(delta: Tensor) -> Tensor:
    return delta / _length(delta).clamp_min(1e-12)


def _higher(best: Tensor, top: Tensor, x: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    better = value > top
    return torch.where(better.view(-1, 1, 1, 1), x, best), torch.where(better, value, top)


def _pick(one: Adversary, top: Tensor, other: Adversary, height: Tensor) -> tuple[Adversary, Tensor]:
    """Of two restarts: the higher point; the least kappa; survived only where both did."""
    x, top = _higher(one.x, top, other.x, height)
    if one.kappa is None or other.kappa is None or one.survived is None or other.survived is None:
        raise TypeError("restarts are compared on points that were looked at")
    return Adversary(x, torch.minimum(one.kappa, other.kappa), one.survived & other.survived), top


Attack = Annotated[NoAttack | PGD, Field(discriminator="name")]
