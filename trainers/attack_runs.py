"""The attacks that `evaluate:` names: each finds which examples of a split withstand it, and describes itself.

`final` runs them on the best and the last checkpoint, `along` during training. A knob that is off does not enter the
identity of a study.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, PositiveInt, model_validator
from torch import Tensor

from trainers.accuracy import BROKEN, evaluation_mode, find_margins
from trainers.attacks import PGD, Ascend, check_ascent
from trainers.balls import Noise, Norm
from trainers.data import Split
from trainers.knobs import Knobs, Real, Share, StepSize
from trainers.margin_order import Attacked
from trainers.step import Net, Precision
from trainers.verdict_log import Costs, VerdictLog, Verdicts, identify_verdicts

Epsilon = Annotated[Real, Field(gt=0)] | None  # None: the study's epsilon
Images = PositiveInt | None  # number of images of the split, drawn by trainers.sampling; None: all
Every = Annotated[
    PositiveInt | None, Field(exclude_if=lambda every: every is None)
]  # epochs; allowed below `along` only
Climbed = Annotated[Ascend, Field(exclude_if=lambda ascend: ascend == "ce")]
AUDIT = 0.1
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
        return self.find_margins(net, split, epsilon, norm, seed, precision) > BROKEN

    def find_margins(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, precision: Precision = "fp32"
    ) -> Tensor:
        """Return the margin of each example where the attack ends, (N,), as trainers.accuracy.find_margins does."""
        return find_margins(net, split, self.build(epsilon, norm), seed, precision=precision)

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
        return self.find_margins(net, split, epsilon, norm, seed, precision) > BROKEN

    def find_margins(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, precision: Precision = "fp32"
    ) -> Tensor:
        """Return the margin of each example where the attack ends, (N,), as trainers.accuracy.find_margins does."""
        return find_margins(net, split, self.build(epsilon, norm), seed, precision=precision)

    def why_unfit(self, classes: int) -> str | None:
        """Return None: one step works for any number of classes."""
        return None

    def describe(self, epsilon: float, norm: Norm, precision: Precision = "fp32") -> str:
        """Return the attack in words, such as 'FGSM, linf, epsilon 8/255'."""
        kind = "FGSM" if norm == "linf" else "FGM"
        budget = f"{norm}, epsilon {format_epsilon(self.epsilon or epsilon)}"
        return f"{kind}, {budget}{format_precision(precision)}" + format_images(self.images)


class Measured(NamedTuple):
    """What AutoAttack found."""

    robust: Tensor  # (N,) bool
    went: Attacked | None  # how far the order of the margin went; None if all images were attacked
    costs: Costs  # with those before a kill


class AutoAttackRun(Knobs):
    """AutoAttack of Croce & Hein 2020, arXiv:2003.01690, by the packaged original.

    standard: APGD-CE, APGD-T, FAB-T, Square. custom: the attacks listed. The data-profiling code runs APGD-CE + APGD-T
    with restarts: 5, which costs about a fifth of the standard version.

    The draws of an image are its own (trainers.autoattack): its verdict depends neither on the order of the images nor
    on those beside it.

    order margin: images that withstand the other attacks of `final` and the PGD of training curves, with budgets no
    larger than its own, are attacked by growing margin z_y - max other at the points where these end. It stops after a
    tenth of them without a success, then attacks a random share `audit` of the rest, and all of the rest if that
    finds any (trainers.margin_order). Accuracy is then that under all of these attacks, and an upper bound: the report
    says how many images of the sweep it may count wrongly.

    for front: once all trainings have ended, those configurations alone are attacked that may be on the front of
    robust against clean test accuracy at the selected or the last epoch. Robust means there: withstands the cheaper
    attacks too, whose survivors are an upper bound. A configuration is left out if that bound is dominated by verdicts
    on others, in means over seeds, so that the front is that of attacking all (search.planning.front_first).
    """

    model_config = ConfigDict(serialize_by_alias=True)  # `for` is a Python keyword

    name: Literal["autoattack"] = "autoattack"
    version: Literal["standard", "custom"] = "standard"
    attacks: Annotated[
        tuple[Literal["apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square"], ...], Field(strict=False)
    ] = ()
    restarts: PositiveInt = 1  # of apgd-ce and apgd-dlr; the custom attacks of the data-profiling code keep five
    epsilon: Epsilon = None
    images: Images = None
    every: Every = None
    order: Annotated[Literal["all", "margin"], Field(exclude_if=lambda order: order == "all")] = (
        "all"  # or by growing margin, which leaves out images that are far from another class
    )
    audit: Annotated[Share, Field(gt=0, lt=1, exclude_if=lambda audit: audit == AUDIT)] = (
        AUDIT  # with order: margin, the share of the images left out that is drawn and attacked as well
    )
    scope: Annotated[Literal["all", "front"], Field(alias="for", exclude_if=lambda scope: scope == "all")] = (
        "all"  # trainings; or those alone that may be on the front, once all have ended
    )

    @model_validator(mode="after")
    def _ordered(self) -> AutoAttackRun:
        if self.order == "all" and "audit" in self.model_fields_set:
            raise ValueError("audit is of the images that `order: margin` leaves out; order: all leaves out none")
        return self

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
        margins = find_margins(net, split, None, seed) if self.needs_margins else None
        return self.measure(net, split, epsilon, norm, seed, margins, VerdictLog()).robust

    @property
    def needs_margins(self) -> bool:
        """Return whether only images that withstand cheaper attacks are attacked, and count as robust."""
        return self.order == "margin" or self.scope == "front"

    def measure(
        self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int, margins: Tensor | None, log: VerdictLog
    ) -> Measured:
        """Attack a split, and return which examples withstand it with how it went.

        margins: (N,), those that cheaper attacks left, if it `needs_margins`. What `log` has is not attacked again.
        Raises ValueError as `find_robust` does.
        """
        from trainers.autoattack import STANDARD, AutoAttack  # late: only this attack needs the package

        if why := self.why_unfit(net.module.head.out_features):
            raise ValueError(why)
        names, budget = self.attacks or STANDARD, self.epsilon or epsilon
        settings = self.model_dump(mode="json", exclude={"scope"}) | {"epsilon": budget, "norm": norm, "seed": seed}
        verdicts = Verdicts(log, identify_verdicts(net.module.state_dict(), settings), len(split))
        with evaluation_mode(net, seed):
            attack = AutoAttack(net, names, budget, norm, self.restarts, seed, split.x.device)
            if margins is None or self.order == "all":
                alive = None if margins is None else margins > BROKEN
                robust, went = attack.attack_all(split, verdicts, alive), None
            else:
                robust, went = attack.attack_in_order(split, margins, self.audit, verdicts)
        return Measured(robust.to(split.x.device), went, verdicts.costs)

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
        which += f" by growing margin, audit {100 * self.audit:g}%" if self.order == "margin" else ""
        budget = format_epsilon(self.epsilon or epsilon)
        after = ", after cheaper attacks" if self.scope == "front" and self.order == "all" else ""
        return f"AutoAttack {which}, {norm}, epsilon {budget}{after}" + format_images(self.images)


NamedAttack = Annotated[PGDAttack | FGSM | AutoAttackRun, Field(discriminator="name")]


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
