"""Weights: how much each example counts in the loss. None means that all count alike.

The lambda of GAIRAT acts here, in GAIR; GAIR-RST (gair_rst) has its own.

Functions of tensors return (B,). No gradient flows through a weight unless `detach` is false. Weights average one over
the batch; times a batch mean they are the papers' "weights that sum to one" times a sum.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from trainers.knobs import BurnIn, Knobs, Real, to_epochs
from trainers.losses import cross_entropy
from trainers.schedules import Curve, Reals, SignedSchedule, as_reals
from trainers.step import Step


def mean_one(weight: Tensor) -> Tensor:
    """Scale weights to average one, (B,) -> (B,). If all of a batch have vanished, all count alike."""
    total = weight.sum()
    return torch.where(total > 0, weight * (len(weight) / total), torch.ones_like(weight))


def tanh(share: Tensor, lam: float) -> Tensor:
    """Return (1 + tanh(lam + 5 (1 - 2 kappa/K))) / 2; Zhang et al. 2021, arXiv:2010.01736, eq. 6, (B,) -> (B,).

    It is computed as the sigmoid of twice the argument, which is equal and does not cancel to 0 where the tanh is near
    -1. Otherwise a batch of robust examples alone would weigh 0/0 in fp32 for lam of -5 and below.
    """
    return torch.sigmoid(2 * (lam + 5 * (1 - 2 * share)))


def sigmoid(share: Tensor, lam: float) -> Tensor:
    """Return sigma(lam + 5 (1 - 2 kappa/K)); Zhang et al. 2021, eq. 8, (B,) -> (B,)."""
    return torch.sigmoid(lam + 5 * (1 - 2 * share))


def linear(share: Tensor, steps: int) -> Tensor:
    """Return 1 - kappa/(K + 1); Zhang et al. 2021, eq. 7, (B,) -> (B,)."""
    return 1 - share * steps / (steps + 1)


class Uniform(Knobs):
    """Every example counts alike: the neutral member."""

    name: Literal["uniform"] = "uniform"
    needs_clean: ClassVar[bool] = False

    def __call__(self, step: Step, target: Tensor) -> Tensor | None:
        return None


class _AfterBurnIn(Knobs):
    """A weight that acts after its burn-in, and until then is the neutral one.

    burn_in counts epochs: with 60 the 61st is the first that is weighted. Zhang et al. 2021 count both ways (their
    burn-in of 30 begins at epoch 31, that of 70 "from epoch 70"), and their code weights the 60th.
    """

    burn_in: BurnIn = "50%"
    needs_clean: ClassVar[bool] = False

    def at(self, epoch: int, epochs: int) -> Any:
        if epoch < to_epochs(self.burn_in, epochs):
            return Uniform()
        return super().at(epoch, epochs).model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True


class Geometry(_AfterBurnIn):
    """Weight by the share kappa/K of attack steps that an example withstands; the base of the shapes below.

    normalize: scale to average one (Zhang et al. 2021, Alg. 2); eqs. 10 and 11 for MART leave this open.
    """

    normalize: bool = True

    def __call__(self, step: Step, target: Tensor) -> Tensor:
        kappa, steps = step.adversary.kappa, step.adversary.steps
        if kappa is None or not steps:
            raise TypeError("geometry-aware weights need an attack that counts its steps")
        weight = self.omega(kappa.to(step.robust.dtype) / steps, steps)
        return mean_one(weight) if self.normalize else weight

    def omega(self, share: Tensor, steps: int) -> Tensor:
        """Return the weight of each example before scaling, given kappa/K and K, (B,) -> (B,)."""
        raise TypeError(f"{type(self).__name__} has no shape")


def _lam(value: Any) -> Any:
    """Read `.inf`, which is infinity in YAML, as inf: all examples count alike, which is PGD training."""
    return "inf" if isinstance(value, float) and value == float("inf") else value


Lam = Annotated[SignedSchedule | Literal["inf"], BeforeValidator(_lam)]
VANISHING = -40.0  # below it the weight of kappa = 0, exp(2 (lam + 5)), and with it all weights, leave fp32


class _Curved(Geometry):
    """A shape with a lambda, a number or a schedule; lam: inf is the neutral weight."""

    lam: Lam = 0.0

    @model_validator(mode="after")
    def _acts(self) -> _Curved:
        lowest = self.lam if isinstance(self.lam, float) else self.lam.lowest() if isinstance(self.lam, Knobs) else 0.0
        if lowest < VANISHING:
            raise ValueError(
                f"lam {lowest:g} makes all weights vanish in single precision; take at least {VANISHING:g}, "
                "where the hardest examples alone count (the papers use -3 to 3)"
            )
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        return Uniform() if self.lam == "inf" else super().at(epoch, epochs)


class GAIR(_Curved):
    """Geometry-aware instance reweighting: the tanh shape; Zhang et al. 2021, eq. 6."""

    name: Literal["gair"] = "gair"

    def omega(self, share: Tensor, steps: int) -> Tensor:
        return tanh(share, float(self.lam))  # type: ignore[arg-type]  # a number in a stage


class GAIRSigmoid(_Curved):
    """The sigmoid shape; Zhang et al. 2021, eq. 8."""

    name: Literal["gair-sigmoid"] = "gair-sigmoid"

    def omega(self, share: Tensor, steps: int) -> Tensor:
        return sigmoid(share, float(self.lam))  # type: ignore[arg-type]


class GAIRLinear(Geometry):
    """The linear shape; Zhang et al. 2021, eq. 7."""

    name: Literal["gair-linear"] = "gair-linear"

    def omega(self, share: Tensor, steps: int) -> Tensor:
        return linear(share, steps)


class GAIRSteps(Geometry):
    """Steps: values[i] from kappa/K = drops[i-1] on; the omega_3 of Zhang et al. 2021, Fig. 4, drawn but not given.

    Values do not rise: omega is non-increasing in kappa, sec. 3.2 there.
    """

    name: Literal["gair-steps"] = "gair-steps"
    values: Annotated[tuple[Annotated[Real, Field(ge=0)], ...], BeforeValidator(as_reals)]
    drops: Reals

    @model_validator(mode="after")
    def _fits(self) -> GAIRSteps:
        if len(self.values) != len(self.drops) + 1 or list(self.drops) != sorted(set(self.drops)):
            raise ValueError(
                f"needs increasing drops (shares of K) and one value more than drops; got values {self.values} and "
                f"drops {self.drops}"
            )
        if any(not 0 < drop <= 1 for drop in self.drops):
            raise ValueError(f"drops are shares of the steps, above 0 and up to 1; got {list(self.drops)}")
        if any(later > before for before, later in pairwise(self.values)):
            raise ValueError(
                f"values must not rise: who withstands more steps does not weigh more; got {list(self.values)}"
            )
        if not any(self.values):
            raise ValueError("all weights would vanish; give at least one value above 0")
        return self

    def omega(self, share: Tensor, steps: int) -> Tensor:
        kappa = (share * steps).round()  # whole: a share k/K is rounded, on GPUs twice
        weight = torch.full_like(share, self.values[0])
        for drop, value in zip(self.drops, self.values[1:], strict=True):  # a table on the device would be uploaded
            weight = weight.masked_fill(kappa >= ceil(drop * steps - 1e-9), value)
        return weight


class Probability(_AfterBurnIn):
    """Weight by the probability of the true class; Liu et al. 2021, sec. 6.1: easy examples count more.

    `of`: the prediction on the adversary (the paper) or on the clean image; `which`: the class of the label or the
    likeliest. Their code for fine-tuning has of: clean, which: top, detach: false; the gradient through the weight then
    rewards confidence where the loss is low.
    """

    name: Literal["probability"] = "probability"
    of: Literal["robust", "clean"] = "robust"
    which: Literal["label", "top"] = "label"
    detach: bool = True
    burn_in: BurnIn = 5

    @property
    def needs_clean(self) -> bool:  # type: ignore[override]
        return self.of == "clean"

    def __call__(self, step: Step, target: Tensor) -> Tensor:
        logits = step.robust if self.of == "robust" else step.clean
        if logits is None:
            raise TypeError("the weight needs the clean logits")
        p = (logits.detach() if self.detach else logits).softmax(1)
        return mean_one(p.amax(1) if self.which == "top" else p.gather(1, step.batch.y[:, None]).squeeze(1))


MOST_TILT = 40.0  # beyond it one example of a batch has nearly all the weight, unless losses are within a tenth


class LossSize(_AfterBurnIn):
    """Weight by exp(tilt CE(f(x'), y)): the size of the adversarial loss, the rival of kappa (Zhang et al. 2021, 3.3).

    The papers give no shape. This one has a single parameter, and its weighted gradient is that of the tilted risk of
    Li et al. 2021, arXiv:2007.01162, Lemma 1: with tilt above 0 large losses count more, below 0 small ones do, and
    with 0 all count alike. tilt: -1 is p_y on the adversary, the weight of Liu et al. 2021 (`probability`). The loss is
    the one to the given label that is recorded of each example, whichever loss is minimised.
    """

    name: Literal["loss-size"] = "loss-size"
    tilt: SignedSchedule = 1.0

    @model_validator(mode="after")
    def _bounded(self) -> LossSize:
        ends = (self.tilt.lowest(), self.tilt.highest()) if isinstance(self.tilt, Curve) else (self.tilt,)
        if far := [end for end in ends if abs(end) > MOST_TILT]:
            raise ValueError(
                f"tilt {far[0]:g} leaves one example of a batch nearly all the weight; take -{MOST_TILT:g} to "
                f"{MOST_TILT:g} (1 weighs by 1/p_y, -1 by p_y)"
            )
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        now = super().at(epoch, epochs)
        return Uniform() if isinstance(now, LossSize) and now.tilt == 0 else now

    def __call__(self, step: Step, target: Tensor) -> Tensor:
        loss = cross_entropy(step.robust.detach(), step.batch.y)
        return len(loss) * (float(self.tilt) * loss).softmax(0)  # type: ignore[arg-type]  # a number in a stage


class Confidence(Knobs):
    """Weight by the largest entry of a soft target, as self-adaptive training does.

    Huang et al. 2020, arXiv:2002.10319, eq. 5.
    """

    name: Literal["confidence"] = "confidence"
    needs_clean: ClassVar[bool] = False

    def __call__(self, step: Step, target: Tensor) -> Tensor:
        return mean_one(target.detach().amax(1))


Weight = Annotated[
    Uniform | GAIR | GAIRSigmoid | GAIRLinear | GAIRSteps | Probability | LossSize | Confidence,
    Field(discriminator="name"),
]
