"""Losses on an adversary, per example, before averaging.

Functions map logits to (B,) values. The classes hold the knobs; their docstrings say which term a weight multiplies.
A loss class is called with a step, its target, (B,) or (B, C), and weights, (B,) or None, and returns (B,) losses.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from trainers.knobs import Knobs
from trainers.schedules import Schedule
from trainers.step import Step

Distance = Literal["l2", "nuclear"]  # of predictions, see `apart`


def predict_class(logits: Tensor) -> Tensor:
    """Return the class of the highest logit, (..., C) -> (...) int64; -1 where a logit is not finite.

    argmax alone would return the class of a NaN logit, which is right at times.
    """
    return torch.where(logits.isfinite().all(-1), logits.argmax(-1), -1)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return CE per example, (B, C) with labels (B,) or soft targets (B, C) -> (B,)."""
    return functional.cross_entropy(logits, target, reduction="none")


def kl(clean: Tensor, robust: Tensor) -> Tensor:
    """Return KL(p(x) || p(x')) per example, clean first; the gradient flows through both, (B, C), (B, C) -> (B,).

    Two papers also print the adversary first (Zhang et al. 2021, eq. 10; Liu et al. 2021, app. D.5, but not sec. 6.2).
    The clean prediction comes first in the code of TRADES, MART and Liu et al. 2021, and here in every method.
    """
    log_p, log_q = clean.log_softmax(1), robust.log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """Return max_{k != y} z_k - z_y, which is positive where misclassified, (B, C), (B,) -> (B,).

    This is the objective of Carlini & Wagner 2017, arXiv:1608.04644, sec. VI-A. Climbing it is the "C&W" attack of
    Zhang et al. 2021, whose cap at a confidence of 50 acts only beyond that gap.
    """
    true = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(1) - true


def soft_margin(logits: Tensor, y: Tensor) -> Tensor:
    """Return log sum_{k != y} exp z_k - z_y, which is negative where p_y > 1/2, (B, C), (B,) -> (B,).

    This is the soft logit margin of Ding et al. 2020, arXiv:1812.02637, sec. 3. It is at least `margin`, and equals it
    for two classes.
    """
    true = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.logsumexp(1) - true


def apart(distance: Distance, clean: Tensor, other: Tensor) -> Tensor:
    """Return how far predictions are from those on the images, (B, C) logits each -> (B,).

    l2 is |p(x) - p(x')|^2 of the probabilities, as in GAT (Sriramanan et al. 2020, arXiv:2011.14969).
    nuclear is the sum of the singular values of the batch's difference of logits, (B, C), over B, for every example
    alike, as in NuAT (Sriramanan et al. 2021, NeurIPS). The host of a GPU waits for these values.
    """
    if distance == "l2":
        return (clean.softmax(1) - other.softmax(1)).square().sum(1)
    return (torch.linalg.matrix_norm(clean - other, "nuc") / len(clean)).expand(len(clean))


def weighted(weight: Tensor | None, value: Tensor) -> Tensor:
    """Return weight * value, (B,); no weight leaves the value as it is."""
    return value if weight is None else weight * value


class OuterLoss(Knobs):
    """A loss that is minimised, and which logits it needs beside those on the adversary."""

    needs_clean: ClassVar[bool] = False
    needs_start: ClassVar[bool] = False
    takes_soft: ClassVar[bool] = True


class CrossEntropy(OuterLoss):
    """CE on the adversary: the outer minimisation of Madry et al. 2018, arXiv:1706.06083, eq. 2.1.

    A weight multiplies it.
    """

    name: Literal["ce"] = "ce"

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        return weighted(weight, cross_entropy(step.robust, target))


class TRADES(OuterLoss):
    """CE(f(x), y) + beta KL(p(x) || p(x')), beta = 1/lambda; Zhang et al. 2019, arXiv:1901.08573, eq. 5.

    Both terms use the same clean logits; the authors' code recomputes them by a third train-mode forward, which counts
    clean data twice in the BN statistics. A weight multiplies the clean term, as in GAIR-TRADES (Zhang et al. 2021,
    Alg. 5) and self-adaptive training (Huang et al. 2020, arXiv:2002.10319).
    """

    name: Literal["trades"] = "trades"
    beta: Schedule = 6.0
    needs_clean: ClassVar[bool] = True

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        clean = clean_logits(step)
        return weighted(weight, cross_entropy(clean, target)) + schedule_value(self.beta) * kl(clean, step.robust)


class ConsistentCE(OuterLoss):
    """CE(f(x'), y) + beta KL(p(x) || p(x')): fine-tuning of Liu et al. 2021, sec. 6.2, whose lambda is beta here.

    A weight multiplies the sum.
    """

    name: Literal["ce-kl"] = "ce-kl"
    beta: Schedule = 6.0
    needs_clean: ClassVar[bool] = True

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        value = cross_entropy(step.robust, target) + schedule_value(self.beta) * kl(clean_logits(step), step.robust)
        return weighted(weight, value)


class MART(OuterLoss):
    """BCE(p(x'), y) + beta KL(p(x) || p(x')) (1 - p_y(x)); Wang et al. 2020 (ICLR), eq. 11.

    BCE = -log p'_y - log(1.0001 - max_{k != y} p'_k), with the constants of the authors' code. A weight multiplies only
    -log p'_y (weighs: ce) or replaces 1 - p_y (weighs: kl): the two GAIR-MARTs of Zhang et al. 2021, eqs. 10 and 11.
    """

    name: Literal["mart"] = "mart"
    beta: Schedule = 5.0
    weighs: Literal["ce", "kl"] = "ce"
    needs_clean: ClassVar[bool] = True
    takes_soft: ClassVar[bool] = False

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        log_p, q = clean_logits(step).log_softmax(1), step.robust.softmax(1)
        p = log_p.exp()
        ce = cross_entropy(step.robust, target)
        rival = q.scatter(1, target[:, None], 0.0).amax(1)
        boost = -torch.log(1.0001 - rival + 1e-12)
        apart = (p * (log_p - (q + 1e-12).log())).sum(1)
        unsure = 1.0000001 - p.gather(1, target[:, None]).squeeze(1)
        if self.weighs == "kl":
            return ce + boost + schedule_value(self.beta) * apart * (unsure if weight is None else weight)
        return weighted(weight, ce) + boost + schedule_value(self.beta) * apart * unsure


class Guided(OuterLoss):
    """CE(f(x), y) + beta D(f(x), f(x')): GAT with the distance l2, NuAT with the nuclear one (see `apart`).

    A weight multiplies the clean term, as in TRADES.
    """

    name: Literal["guided"] = "guided"
    distance: Distance = "l2"
    beta: Schedule = 10.0
    needs_clean: ClassVar[bool] = True

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        clean = clean_logits(step)
        far = apart(self.distance, clean, step.robust)
        return weighted(weight, cross_entropy(clean, target)) + schedule_value(self.beta) * far


class PriorCE(OuterLoss):
    """CE(f(x'), y) + beta |f(x') - f(x_0)|^2 / C, where x_0 is the attack's start: Jia et al. 2022, arXiv:2207.08859.

    The gradient flows through both logits, as in their code. A weight multiplies CE.
    """

    name: Literal["ce-prior"] = "ce-prior"
    beta: Schedule = 10.0
    needs_start: ClassVar[bool] = True

    def __call__(self, step: Step, target: Tensor, weight: Tensor | None) -> Tensor:
        if step.start is None:
            raise TypeError("this loss needs the logits at the start of the attack")
        far = (step.robust - step.start).square().mean(1)
        return weighted(weight, cross_entropy(step.robust, target)) + schedule_value(self.beta) * far


def clean_logits(step: Step) -> Tensor:
    """Return the logits at the images without attack, (B, C). Raises TypeError if the step did not compute them."""
    if step.clean is None:
        raise TypeError("this loss needs the clean logits")
    return step.clean


def schedule_value(schedule: object) -> float:
    """Return the value of a schedule within a stage, where it is a number."""
    return float(schedule)  # type: ignore[arg-type]


Loss = Annotated[CrossEntropy | TRADES | ConsistentCE | MART | Guided | PriorCE, Field(discriminator="name")]
