"""Evaluation: accuracies that may share a front, all at attack budgets fixed for the whole study.

Every figure is a fraction of a split, in [0, 1]. `pgd` is measured along training; the `final` attacks on the best
checkpoint (chosen on validation) and the last.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor, nn

from trainers.attacks import PGD
from trainers.balls import Noise, Norm, check_norm, check_units
from trainers.data import Split, pixels
from trainers.distances import MinimumPerturbation
from trainers.knobs import KnobError, Knobs, Real, StepSize
from trainers.losses import named
from trainers.step import Batch, Net


class PGDAttack(Knobs):
    """PGD on the final checkpoints, CE, eval mode.

    keep last: accuracy at the last iterate, of several restarts at that of highest loss. keep worst: right at every
    iterate of every restart, as PGD+ counts (Carmon et al. 2019: steps 40, restarts 5, step_size 0.01).
    """

    name: Literal["pgd"] = "pgd"
    steps: PositiveInt = 20
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"  # none is what the code of Dong et al. 2021 does at test
    restarts: PositiveInt = 1
    keep: Literal["last", "worst"] = "last"
    epsilon: Annotated[Real, Field(gt=0)] | None = None  # None: the study's
    images: PositiveInt | None = None  # so many of the split, drawn by class as trainers.sampling has it; None: all

    def withstood(self, net: Net, split: Split, epsilon: float, norm: Norm, seed: int) -> Tensor:
        """Which examples of a split are still classified correctly, (N,) bool."""
        knobs = self.model_dump(include={"steps", "step_size", "start", "restarts", "keep"})
        attack = PGD(epsilon=self.epsilon or epsilon, norm=norm, **knobs)
        return correct(net, split, attack, seed)

    def check(self, classes: int) -> None:
        """PGD goes with any number of classes."""

    def describe(self, epsilon: float, norm: Norm) -> str:
        size = f", {self.restarts} restarts" if self.restarts > 1 else ""
        every = ", right at every iterate" if self.keep == "worst" else ""
        every += "" if self.start == "uniform" else f", start {self.start}"
        budget = f"{norm}, epsilon {shown(self.epsilon or epsilon)}, step {shown_step(self.step_size)}"
        return f"PGD-{self.steps}{size}, {budget}{every}" + on_images(self.images)


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
    epsilon: Annotated[Real, Field(gt=0)] | None = None
    images: PositiveInt | None = None  # as of PGD

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
        """Which examples of a split are still classified correctly, (N,) bool."""
        classes = net.module.head.out_features
        self.check(classes)
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
            return torch.cat([_correct(net, Batch(x, y)) for x, y in batches])

    def check(self, classes: int) -> None:
        """Raises ValueError if the data has too few classes for the attacks."""
        needed = 4 if self.version == "standard" or "apgd-t" in self.attacks else 3 if "apgd-dlr" in self.attacks else 2
        if classes < needed:
            raise ValueError(
                f"evaluate.final: the DLR loss of this AutoAttack needs {needed} classes, the data has {classes}; "
                "take version custom with attacks: [apgd-ce, fab, square]"
            )

    def describe(self, epsilon: float, norm: Norm) -> str:
        which = f"custom ({' + '.join(self.attacks)})" if self.attacks else "standard"
        which += f", {self.restarts} restarts" if self.restarts > 1 else ""
        return f"AutoAttack {which}, {norm}, epsilon {shown(self.epsilon or epsilon)}" + on_images(self.images)


FinalAttack = Annotated[PGDAttack | AutoAttackRun, Field(discriminator="name")]


class Evaluation(Knobs):
    """The `evaluate:` block: one for a whole study, so that all its trials are measured alike."""

    epsilon: Annotated[Real, Field(gt=0)] = 8 / 255
    norm: Norm = "linf"
    steps: PositiveInt = 10  # of the PGD measured along training
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"
    every: PositiveInt = 1  # epochs between measurements; the last epoch is always measured
    train: bool = False  # also the training examples, as they are: what a gap to test compares, and instability_eval
    test_losses: bool = False  # also record the loss of every test example, for the difficulty of test examples
    final: dict[str, FinalAttack] = {"pgd20": PGDAttack()}
    min_perturbation: MinimumPerturbation | None = None  # of every training example, at the best checkpoint

    @model_validator(mode="after")
    def _names(self) -> Evaluation:
        taken = sorted(set(self.final) & {"clean", "pgd"})
        if taken or not all(name.isidentifier() for name in self.final):
            raise ValueError(
                "final attacks are named by identifiers other than clean and pgd, as they become test_<name>_acc; "
                f"got {', '.join(self.final)}"
            )
        for end in ("clean", "gap"):  # test_<name>_clean_acc is the clean accuracy on the images of <name>
            if shadowed := [name for name in self.final if f"{name}_{end}" in self.final]:
                raise ValueError(f"{shadowed[0]}_{end} is what is recorded beside {shadowed[0]}; take another name")
        return self

    @model_validator(mode="after")
    def _norm(self) -> Evaluation:
        given = self.model_dump(include=self.model_fields_set)
        if why := check_norm({"norm": "linf", "epsilon": 8 / 255}, given):
            raise KnobError({("norm",): why})
        return self

    @model_validator(mode="after")
    def _units(self) -> Evaluation:
        """Of the final attacks too, which do not know the norm: each is made only once it acts."""
        pieces: dict[tuple[str, ...], Knobs] = {(): self} | {("final", name): it for name, it in self.final.items()}
        knobs = ("epsilon", "step_size")
        check_units(self.norm, {(*at, k): getattr(it, k, None) for at, it in pieces.items() for k in knobs})
        return self

    def curve(self) -> dict[str, Any]:
        """The part that is measured along training; what is not asked for is no part of it."""
        return self.model_dump(exclude={"final", "min_perturbation"} | (set() if self.train else {"train"}))

    def due(self, epoch: int, epochs: int) -> bool:
        return (epoch + 1) % self.every == 0 or epoch + 1 == epochs

    def along(self) -> PGD:
        """The attack measured along training: last iterate, eval mode."""
        return PGD(epsilon=self.epsilon, norm=self.norm, steps=self.steps, step_size=self.step_size, start=self.start)

    def attacks(self) -> dict[str, str]:
        """What each robust accuracy is measured under, in words."""
        along = PGDAttack(steps=self.steps, step_size=self.step_size, start=self.start)
        first = {"pgd": along.describe(self.epsilon, self.norm)}
        return first | {name: it.describe(self.epsilon, self.norm) for name, it in self.final.items()}


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


def accuracy(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> float:
    """The share of a split classified correctly, on the images (attack None) or under attack; eval mode."""
    return int(correct(net, split, attack, seed, batch_size).sum()) / len(split)


def predicted(net: Net, split: Split, seed: int, batch_size: int = 512) -> Tensor:
    """The class named for each image of a split in eval mode, (N,) int64; -1 where a logit is not finite."""
    with undisturbed(net, seed):
        return torch.cat([_named(net, pixels(x)) for x in split.x.split(batch_size)])


def correct(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> Tensor:
    """Which examples of a split are classified correctly, (N,) bool; as `accuracy`."""
    with undisturbed(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        batches = zip(split.x.split(batch_size), split.y.split(batch_size), strict=True)
        return torch.cat([_right(net, Batch(pixels(x), y), attack, rng) for x, y in batches])


def _right(net: Net, batch: Batch, attack: PGD | None, rng: Generator) -> Tensor:
    """(B,) bool: who is still classified correctly."""
    if attack is None:
        return _correct(net, batch)
    if attack.keep == "last":
        return _correct(net, Batch(attack(net, batch, rng).x, batch.y))
    right = _correct(net, batch)
    survivors = right.nonzero().squeeze(1)  # who is wrong on the image itself need not be attacked
    if len(survivors):
        survived = attack(net, Batch(batch.x[survivors], batch.y[survivors]), rng).survived
        if survived is None:
            raise TypeError("an attack that keeps the worst looks at every point")
        right[survivors] = survived
    return right


def _correct(net: Net, batch: Batch) -> Tensor:
    return _named(net, batch.x) == batch.y


@torch.no_grad()
def _named(net: Net, x: Tensor) -> Tensor:
    """(B, channels, H, W) -> (B,)"""
    return named(net(x))


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


@contextmanager
def undisturbed(net: Net, seed: int) -> Iterator[None]:
    """Measure without a trace: eval mode, fp32, no parameter gradients, the caller's random state and tracer restored.

    AutoAttack reseeds the global generator and removes the tracer (coverage, debuggers).
    """
    tracer = sys.gettrace()
    with net.exact(), net.attacked("eval"), torch.random.fork_rng(enabled=True):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            sys.settrace(tracer)
