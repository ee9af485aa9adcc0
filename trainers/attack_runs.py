"""The attacks that `evaluate:` names: each finds which examples of a split withstand it, and describes itself.

`final` runs them on the best and the last checkpoint, `along` during training. A knob that is off does not enter the
identity of a study.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from trainers.accuracy import evaluation_mode, find_correct, is_correct
from trainers.attacks import PGD, Ascend, check_ascent
from trainers.balls import Noise, Norm
from trainers.data import Split, to_pixels
from trainers.knobs import Knobs, Real, StepSize
from trainers.step import Batch, Net, Precision

Epsilon = Annotated[Real, Field(gt=0)] | None  # None: the study's epsilon
Images = PositiveInt | None  # number of images of the split, drawn by trainers.sampling; None: all
Every = Annotated[
    PositiveInt | None, Field(exclude_if=lambda every: every is None)
]  # epochs; allowed below `along` only
Climbed = Annotated[Ascend, Field(exclude_if=lambda ascend: ascend == "ce")]
ASCENT_WORDS = {"ce": "", "kl": " on the KL divergence", "margin": " on the margin"}  # the loss that is climbed


class PGDAttack(Knobs):
    """PGD in eval mode.

    keep last: an example is robust if the last iterate is classified correctly; with several restarts, the last iterate
    of the restart where the climbed loss is highest. keep worst: an example is robust if every iterate of every restart
    is classified correctly, as PGD+ counts (Carmon et al. 2019: steps 40, restarts 5, step_size 0.01).

    ascend names the loss that is climbed. margin: max_{k != y} z_k - z_y, the objective of Carlini & Wagner 2017
    (arXiv:1608.04644, sec. VI-A) by the steps of PGD. This is the "C&W" of the code of Zhang et al. 2021
    (arXiv:2010.01736), which looks for no least distortion either. Their confidence of 50 stops the climb once another
    logit leads by 50; here nothing stops it. kl: KL(p(x) || p(x')), which uses no label, as TRADES trains by.
    """

    name: Literal["pgd"] = "pgd"
    steps: PositiveInt = 20
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"  # none: as the code of Dong et al. 2021 does at test
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

    def build(self, epsilon: float, norm: Norm) -> PGD:
        """Return the attack for a study of this epsilon and norm; the attack's own epsilon takes precedence."""
        names = {"steps", "step_size", "start", "ascend", "restarts", "keep"}
        knobs = {name: getattr(self, name) for name in names}
        return PGD(epsilon=self.epsilon or epsilon, norm=norm, **knobs)

    def find_robust(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, precision: Precision = "fp32"
    ) -> Tensor:
        """Return which examples of a split are still classified correctly, (N,) bool.

        The attack computes in `precision`, unless it judges its points itself; what it ends in is judged in fp32.
        """
        return find_correct(net, split, self.build(epsilon, norm), seed, precision=precision)

    def why_unfit(self, classes: int) -> str | None:
        """Return None: PGD works for any number of classes."""
        return None

    def describe(self, epsilon: float, norm: Norm, precision: Precision = "fp32") -> str:
        """Return the attack in words, such as 'PGD-20, linf, epsilon 8/255, step epsilon/4'."""
        size = f", {self.restarts} restarts" if self.restarts > 1 else ""
        every = ", right at every iterate" if self.keep == "worst" else ""
        every += "" if self.start == "uniform" else f", start {self.start}"
        every += "" if self.keep == "worst" else format_precision(precision)
        budget = f"{norm}, epsilon {format_epsilon(self.epsilon or epsilon)}, step {format_step(self.step_size)}"
        return f"PGD-{self.steps}{ASCENT_WORDS[self.ascend]}{size}, {budget}{every}" + format_images(self.images)


class FGSM(Knobs):
    """One step of size epsilon from the image itself, CE, eval mode: Goodfellow et al. 2015, arXiv:1412.6572, sec. 4.

    In l2 the step follows the gradient instead of its sign (FGM).
    """

    name: Literal["fgsm"] = "fgsm"
    epsilon: Epsilon = None
    images: Images = None
    every: Every = None

    def build(self, epsilon: float, norm: Norm) -> PGD:
        """Return the attack for a study of this epsilon and norm; the attack's own epsilon takes precedence."""
        return PGD(epsilon=self.epsilon or epsilon, norm=norm, steps=1, step_size="epsilon", start="none")

    def find_robust(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, precision: Precision = "fp32"
    ) -> Tensor:
        """Return which examples of a split are still classified correctly, (N,) bool.

        The attack computes in `precision`, unless it judges its points itself; what it ends in is judged in fp32.
        """
        return find_correct(net, split, self.build(epsilon, norm), seed, precision=precision)

    def why_unfit(self, classes: int) -> str | None:
        """Return None: one step works for any number of classes."""
        return None

    def describe(self, epsilon: float, norm: Norm, precision: Precision = "fp32") -> str:
        """Return the attack in words, such as 'FGSM, linf, epsilon 8/255'."""
        kind = "FGSM" if norm == "linf" else "FGM"
        budget = f"{norm}, epsilon {format_epsilon(self.epsilon or epsilon)}"
        return f"{kind}, {budget}{format_precision(precision)}" + format_images(self.images)


class AutoAttackRun(Knobs):
    """AutoAttack of Croce & Hein 2020, arXiv:2003.01690, by the packaged original.

    standard: APGD-CE, APGD-T, FAB-T, Square. custom: the attacks listed. The data-profiling code runs APGD-CE + APGD-T
    with restarts: 5, which costs about a fifth of the standard version.
    """

    name: Literal["autoattack"] = "autoattack"
    version: Literal["standard", "custom"] = "standard"
    attacks: Annotated[
        tuple[Literal["apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square"], ...], Field(strict=False)
    ] = ()
    restarts: PositiveInt = 1  # of apgd-ce and apgd-dlr; the custom attacks of the data-profiling code keep five
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
            raise ValueError(f"restarts apply to apgd-ce and apgd-dlr; the attacks are {', '.join(self.attacks)}")
        return self

    def find_robust(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, precision: Precision = "fp32"
    ) -> Tensor:
        """Return which examples of a split are still classified correctly, (N,) bool.

        AutoAttack judges every point that it visits, and so computes in fp32, whatever the precision asked for.
        Raises ValueError if the network has too few classes for the attacks (`why_unfit`).
        """
        classes = net.module.head.out_features
        if why := self.why_unfit(classes):
            raise ValueError(why)
        with evaluation_mode(net, seed):
            import pyautoattack  # late: needed only here

            chosen: dict[str, Any] = {"attacks": list(self.attacks)} if self.attacks else {}
            logits = _Logits(net)
            attack = pyautoattack.AutoAttack(
                logits, norm={"linf": "Linf", "l2": "L2"}[norm], eps=self.epsilon or epsilon, seed=seed,
                version=self.version, device=split.x.device, **chosen,
            )  # fmt: skip
            attack.apgd.n_restarts, attack.fab.n_restarts = self.restarts, 1  # custom would default to five
            attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(9, classes - 1)
            x = to_pixels(split.x).contiguous()  # AutoAttack's gradient checks call view(), which needs this
            at_once = min(250, net.measured_at_once)
            adversaries, _ = attack.run_standard_evaluation(x, split.y, batch_size=at_once)
            # AutoAttack takes NaN logits for class 0: attack once more where a wrong class replaces them
            for label in split.y.unique().tolist() if logits.nonfinite else ():
                logits.replacement, members = (label + 1) % classes, split.y == label
                adversaries[members], _ = attack.run_standard_evaluation(
                    x[members], split.y[members], batch_size=at_once
                )
            batches = zip(*(part.split(net.measured_at_once) for part in (adversaries, split.y)), strict=True)
            return torch.cat([is_correct(net, Batch(x, y)) for x, y in batches])

    def why_unfit(self, classes: int) -> str | None:
        """Return why the attacks need more than this number of classes, or None if it suffices."""
        needed = 4 if self.version == "standard" or "apgd-t" in self.attacks else 3 if "apgd-dlr" in self.attacks else 2
        if classes >= needed:
            return None
        return (
            f"the DLR loss of this AutoAttack needs {needed} classes, the data has {classes}; "
            "take version custom with attacks: [apgd-ce, fab, square]"
        )

    def describe(self, epsilon: float, norm: Norm, precision: Precision = "fp32") -> str:
        """Return the attack in words, such as 'AutoAttack standard, linf, epsilon 8/255'."""
        which = f"custom ({' + '.join(self.attacks)})" if self.attacks else "standard"
        which += f", {self.restarts} restarts" if self.restarts > 1 else ""
        budget = format_epsilon(self.epsilon or epsilon)
        return f"AutoAttack {which}, {norm}, epsilon {budget}" + format_images(self.images)


NamedAttack = Annotated[PGDAttack | FGSM | AutoAttackRun, Field(discriminator="name")]


class _Logits(nn.Module):
    """An adapter for AutoAttack, which expects an nn.Module that returns fp32 logits."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net
        self.nonfinite: Tensor | bool = False  # whether any logit so far was not finite
        self.replacement: int | None = None  # the class predicted where a logit is not finite; None: logits as they are
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        finite = logits.isfinite().all(1, keepdim=True)
        self.nonfinite = self.nonfinite | ~finite.all()
        if self.replacement is None:
            return logits
        return torch.where(finite, logits, torch.eye(logits.shape[1], device=x.device)[self.replacement])


def format_epsilon(epsilon: float) -> str:
    """Return an epsilon as the field writes it, such as 8/255 or 0.1."""
    k = epsilon * 255
    if len(f"{epsilon:.10g}") <= 5:  # 0.1, 0.2 and 0.031 are meant as decimals
        return f"{epsilon:.10g}"
    return f"{round(k)}/255" if math.isclose(k, round(k), abs_tol=1e-6) else f"{epsilon:.4g}"


def format_step(step_size: float | str) -> str:
    """Return a step size as the field writes it; a multiple of epsilon, such as epsilon/4, stays as it is."""
    return step_size if isinstance(step_size, str) else format_epsilon(step_size)


def format_precision(precision: Precision) -> str:
    """Return the clause on the precision of an attack, with a comma in front; '' for fp32."""
    return "" if precision == "fp32" else f", crafted in {precision}"


def format_images(images: int | None) -> str:
    """Return the clause on how many images an attack sees, with a space in front; '' for all images.

    analysis tells by "drawn by class" whether images were drawn: older records, on the first n images, lack the words.
    """
    return f" on {images} images drawn by class" if images else ""
