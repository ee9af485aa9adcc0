"""The attacks that `evaluate:` names: who of a split withstands them, and what they are in words.

`final` runs them on the best and the last checkpoint, `along` while a network trains. Every knob that is off is no
part of what identifies a study.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from trainers.accuracy import correct, right_on, undisturbed
from trainers.attacks import PGD, Ascend, check_ascent
from trainers.balls import Noise, Norm
from trainers.data import Split, pixels
from trainers.knobs import Knobs, Real, StepSize
from trainers.step import Batch, Net

Epsilon = Annotated[Real, Field(gt=0)] | None  # None: the study's
Images = PositiveInt | None  # so many of the split, drawn by class as trainers.sampling has it; None: all
Every = Annotated[PositiveInt | None, Field(exclude_if=lambda it: it is None)]  # epochs; below `along` alone
Climbed = Annotated[Ascend, Field(exclude_if=lambda it: it == "ce")]
ON = {"ce": "", "kl": " on the KL divergence", "margin": " on the margin"}  # what is climbed, in words


class PGDAttack(Knobs):
    """PGD in eval mode.

    keep last: accuracy at the last iterate, of several restarts at that where the climbed loss is highest. keep worst:
    right at every iterate of every restart, as PGD+ counts (Carmon et al. 2019: steps 40, restarts 5, step_size 0.01).

    ascend is the loss that is climbed. margin: max_{k != y} z_k - z_y, the objective of Carlini & Wagner 2017
    (arXiv:1608.04644, sec. VI-A) by the steps of PGD; this is the "C&W" of the code of Zhang et al. 2021
    (arXiv:2010.01736), which looks for no least distortion either. Its confidence of 50 stops the climb once another
    logit leads by 50; here nothing stops it. kl: KL(p(x) || p(x')), which knows no label, as TRADES trains by.
    """

    name: Literal["pgd"] = "pgd"
    steps: PositiveInt = 20
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"  # none is what the code of Dong et al. 2021 does at test
    ascend: Climbed = "ce"
    restarts: PositiveInt = 1
    keep: Literal["last", "worst"] = "last"
    epsilon: Epsilon = None
    images: Images = None
    every: Every = None

    @model_validator(mode="after")
    def _climbs(self) -> PGDAttack:
        check_ascent(self.ascend, self.start)
        return self

    def climb(self, epsilon: float, norm: Norm) -> PGD:
        """The attack, in a study of this budget and norm."""
        names = {"steps", "step_size", "start", "ascend", "restarts", "keep"}
        knobs = {name: getattr(self, name) for name in names}
        return PGD(epsilon=self.epsilon or epsilon, norm=norm, **knobs)

    def withstood(self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int) -> Tensor:
        """Which examples of a split are still classified correctly, (N,) bool."""
        return correct(net, split, self.climb(epsilon, norm), seed)

    def unfit(self, classes: int) -> str | None:
        """PGD goes with any number of classes."""
        return None

    def describe(self, epsilon: float, norm: Norm) -> str:
        size = f", {self.restarts} restarts" if self.restarts > 1 else ""
        every = ", right at every iterate" if self.keep == "worst" else ""
        every += "" if self.start == "uniform" else f", start {self.start}"
        budget = f"{norm}, epsilon {shown(self.epsilon or epsilon)}, step {shown_step(self.step_size)}"
        return f"PGD-{self.steps}{ON[self.ascend]}{size}, {budget}{every}" + on_images(self.images)


class FGSM(Knobs):
    """One step of size epsilon from the image itself, CE, eval mode: Goodfellow et al. 2015, arXiv:1412.6572, sec. 4.

    In l2 the step goes along the gradient instead of its sign (FGM).
    """

    name: Literal["fgsm"] = "fgsm"
    epsilon: Epsilon = None
    images: Images = None
    every: Every = None

    def climb(self, epsilon: float, norm: Norm) -> PGD:
        """The attack, in a study of this budget and norm."""
        return PGD(epsilon=self.epsilon or epsilon, norm=norm, steps=1, step_size="epsilon", start="none")

    def withstood(self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int) -> Tensor:
        """Which examples of a split are still classified correctly, (N,) bool."""
        return correct(net, split, self.climb(epsilon, norm), seed)

    def unfit(self, classes: int) -> str | None:
        """One step goes with any number of classes."""
        return None

    def describe(self, epsilon: float, norm: Norm) -> str:
        kind = "FGSM" if norm == "linf" else "FGM"
        return f"{kind}, {norm}, epsilon {shown(self.epsilon or epsilon)}" + on_images(self.images)


class AutoAttackRun(Knobs):
    """AutoAttack of Croce & Hein 2020, arXiv:2003.01690, by the packaged original.

    standard: APGD-CE, APGD-T, FAB-T, Square. custom: the attacks listed; APGD-CE + APGD-T is what the
    data-profiling code runs, with restarts: 5, and costs about a fifth of the standard version.
    """

    name: Literal["autoattack"] = "autoattack"
    version: Literal["standard", "custom"] = "standard"
    attacks: Annotated[
        tuple[Literal["apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square"], ...], Field(strict=False)
    ] = ()
    restarts: PositiveInt = 1  # of APGD-CE; the custom attacks of the data-profiling code keep five
    epsilon: Epsilon = None
    images: Images = None
    every: Every = None

    @model_validator(mode="after")
    def _consistent(self) -> AutoAttackRun:
        if (self.version == "custom") != bool(self.attacks):
            raise ValueError("`attacks` is given with version custom and only there, such as [apgd-ce, apgd-t]")
        if self.version == "standard" and self.restarts > 1:
            raise ValueError("the standard version has one restart; take version: custom with attacks for more")
        if self.restarts > 1 and not {"apgd-ce", "apgd-dlr"} & set(self.attacks):
            raise ValueError(f"restarts are of apgd-ce and apgd-dlr, and the attacks are {', '.join(self.attacks)}")
        return self

    def withstood(self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int) -> Tensor:
        """Which examples of a split are still classified correctly, (N,) bool; ValueError if `unfit` says why."""
        classes = net.module.head.out_features
        if why := self.unfit(classes):
            raise ValueError(why)
        with undisturbed(net, seed):
            import pyautoattack  # late: it is only needed here

            chosen: dict[str, Any] = {"attacks": list(self.attacks)} if self.attacks else {}
            logits = _Logits(net)
            attack = pyautoattack.AutoAttack(
                logits, norm={"linf": "Linf", "l2": "L2"}[norm], eps=self.epsilon or epsilon, seed=seed,
                version=self.version, device=split.x.device, **chosen,
            )  # fmt: skip
            attack.apgd.n_restarts, attack.fab.n_restarts = self.restarts, 1  # custom alone would keep five
            attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(9, classes - 1)
            x = pixels(split.x).contiguous()  # its gradient checks use view(), which channels-last arrays refuse
            adversaries, _ = attack.run_standard_evaluation(x, split.y, batch_size=250)
            for label in split.y.unique().tolist() if logits.silent else ():  # once more, for it took NaN for class 0
                logits.instead, its = (label + 1) % classes, split.y == label
                adversaries[its], _ = attack.run_standard_evaluation(x[its], split.y[its], batch_size=250)
            batches = zip(adversaries.split(512), split.y.split(512), strict=True)
            return torch.cat([right_on(net, Batch(x, y)) for x, y in batches])

    def unfit(self, classes: int) -> str | None:
        """Why data of so few classes does not do for the attacks; None if it does."""
        needed = 4 if self.version == "standard" or "apgd-t" in self.attacks else 3 if "apgd-dlr" in self.attacks else 2
        if classes >= needed:
            return None
        return (
            f"the DLR loss of this AutoAttack needs {needed} classes, the data has {classes}; "
            "take version custom with attacks: [apgd-ce, fab, square]"
        )

    def describe(self, epsilon: float, norm: Norm) -> str:
        which = f"custom ({' + '.join(self.attacks)})" if self.attacks else "standard"
        which += f", {self.restarts} restarts" if self.restarts > 1 else ""
        return f"AutoAttack {which}, {norm}, epsilon {shown(self.epsilon or epsilon)}" + on_images(self.images)


NamedAttack = Annotated[PGDAttack | FGSM | AutoAttackRun, Field(discriminator="name")]


class _Logits(nn.Module):
    """A network as AutoAttack wants it: an nn.Module that returns fp32 logits."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net
        self.silent: Tensor | bool = False  # whether a logit was not finite
        self.instead: int | None = None  # the class that is named there
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        known = logits.isfinite().all(1, keepdim=True)
        self.silent = self.silent | ~known.all()
        if self.instead is None:
            return logits
        return torch.where(known, logits, torch.eye(logits.shape[1], device=x.device)[self.instead])


def shown(epsilon: float) -> str:
    """An attack budget as the field writes it: 8/255, or 0.1."""
    k = epsilon * 255
    if len(f"{epsilon:.10g}") <= 5:  # 0.1, 0.2 and 0.031 were meant as decimals
        return f"{epsilon:.10g}"
    return f"{round(k)}/255" if math.isclose(k, round(k), abs_tol=1e-6) else f"{epsilon:.4g}"


def shown_step(step_size: float | str) -> str:
    return step_size if isinstance(step_size, str) else shown(step_size)


def on_images(images: int | None) -> str:
    return f" on {images} images drawn by class" if images else ""  # records of the first so many say no more than so
