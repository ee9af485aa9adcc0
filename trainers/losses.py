"""Losses: what is minimised on an adversary, per example, before weighting and averaging.

Functions map logits to (B,) values; the classes hold the knobs and pick the terms.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from trainers.knobs import Knobs
from trainers.schedules import Schedule
from trainers.step import Risk, Step


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """CE per example, (B, C) with labels (B,) or soft targets (B, C) -> (B,)."""
    return functional.cross_entropy(logits, target, reduction="none")


def kl(clean: Tensor, robust: Tensor) -> Tensor:
    """KL(p(x) || p(x')) per example, clean first; the gradient flows through both, (B, C), (B, C) -> (B,)."""
    log_p, log_q = clean.log_softmax(1), robust.log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """max_{k != y} z_k - z_y: positive where misclassified, (B, C), (B,) -> (B,)."""
    own = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(1) - own


class CrossEntropy(Knobs):
    """CE on the adversary: the outer minimisation of Madry et al. 2018, arXiv:1706.06083, eq. 2.1."""

    name: Literal["ce"] = "ce"
    needs_clean: ClassVar[bool] = False

    def __call__(self, step: Step, target: Tensor) -> Risk:
        return Risk(None, cross_entropy(step.robust, target))


class TRADES(Knobs):
    """CE(f(x), y) + beta KL(p(x) || p(x')), beta = 1/lambda; Zhang et al. 2019, arXiv:1901.08573, eq. 5.

    The clean logits serve both terms; the authors' code recomputes them by a third train-mode forward, which
    counts clean data twice in the BN statistics.
    """

    name: Literal["trades"] = "trades"
    beta: Schedule = 6.0
    needs_clean: ClassVar[bool] = True

    def __call__(self, step: Step, target: Tensor) -> Risk:
        if step.clean is None:
            raise TypeError("TRADES needs the clean logits")
        beta = float(self.beta)  # type: ignore[arg-type]  # a schedule is a number within a stage
        return Risk(cross_entropy(step.clean, target), beta * kl(step.clean, step.robust))


Loss = Annotated[CrossEntropy | TRADES, Field(discriminator="name")]
