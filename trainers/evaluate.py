"""Evaluation: the measured accuracies, all at attack budgets fixed for the study, so that they can share one front.

Accuracies are fractions in [0, 1]. `pgd` is measured along training; its validation accuracy selects the
best epoch. The attacks of `along` run beside it and select nothing; those of `final` run on the best checkpoint and on
the last.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from trainers.attack_runs import FGSM, AutoAttackRun, Climbed, NamedAttack, PGDAttack
from trainers.attacks import PGD, check_ascent
from trainers.balls import Noise, Norm, check_norm, check_units
from trainers.diagnostics.block import Diagnostics
from trainers.knobs import KnobError, Knobs, Real, StepSize
from trainers.min_perturbation import MinimumPerturbation
from trainers.rhythm import is_due
from trainers.step import Precision

Along = Annotated[dict[str, NamedAttack], Field(exclude_if=lambda attacks: not attacks)]
OfLosses = Annotated[PGDAttack | FGSM, Field(discriminator="name")]
Crafting = Annotated[Literal["auto", "fp32", "tf32", "bf16"], Field(exclude_if=lambda precision: precision == "auto")]
Asked = Annotated[bool, Field(exclude_if=lambda asked: not asked)]  # absent from the identity of a study if off


class Evaluation(Knobs):
    """The `evaluate:` block of a study: all of its trials are measured alike."""

    epsilon: Annotated[Real, Field(gt=0)] = 8 / 255
    norm: Norm = "linf"
    steps: PositiveInt = 10  # of the PGD that is measured along training
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"
    ascend: Climbed = "ce"  # the loss that this PGD climbs, as in PGDAttack
    precision: Crafting = "auto"  # of attacks along training, judged in fp32; auto: as a GPU trains, fp32 on a CPU
    every: PositiveInt = 1  # epochs between measurements; the last epoch is always measured
    train: bool = False  # also measure training images, not augmented: for the gap to test, and instability_eval
    entropy: Asked = False  # also record the entropy of each prediction in training, for difficulty_entropy
    gradient_norm: Asked = False  # also that of the loss's input gradient where the attack begins, for its score
    test_losses: bool = False  # also record the loss of every test example, for the difficulty of test examples
    train_losses: Asked = False  # also of every training image, not augmented, whatever attack trains
    loss_attacks: Annotated[
        dict[str, OfLosses], Field(exclude_if=lambda attacks: not attacks)
    ] = {}  # for these losses, beside pgd
    by_class: Asked = False  # also record each class's test accuracies along training, and their means over it
    along: Along = {}  # further attacks on test along training, each `every` so many epochs and after the last
    final: dict[str, NamedAttack] = {"pgd20": PGDAttack()}
    min_perturbation: MinimumPerturbation | None = None  # for every training example, at the selected epoch
    diagnostics: Annotated[Diagnostics, Field(exclude_if=lambda block: not block.asked())] = (
        Diagnostics()
    )  # costly measurements after named epochs, in a record of their own

    @model_validator(mode="after")
    def _names(self) -> Evaluation:
        names = [name for _, name in self.named()]
        if {"clean", "pgd"} & set(names) or not all(name.isidentifier() for name in names):
            raise ValueError(
                "attacks are named by identifiers other than clean and pgd, as they become test_<name>_acc; "
                f"got {', '.join(names)}"
            )
        if twice := [name for name in self.along if name in self.final]:
            what = f"final has an attack of this name too, and both would be test_{twice[0]}_acc; take another name"
            raise KnobError({("along", twice[0]): what})
        for end in ("clean", "gap"):  # test_<name>_clean_acc is the clean accuracy on the images of <name>
            if shadowed := [name for name in names if f"{name}_{end}" in names]:
                raise ValueError(f"{shadowed[0]}_{end} is what is recorded beside {shadowed[0]}; take another name")
        return self

    @model_validator(mode="after")
    def _ascent(self) -> Evaluation:
        check_ascent(self.ascend, self.start)
        return self

    @model_validator(mode="after")
    def _losses(self) -> Evaluation:
        for name, attack in self.loss_attacks.items():
            if not name.isidentifier() or name == "pgd":
                why = "is named by an identifier other than pgd, the attack of the curves, as it becomes"
                raise KnobError({("loss_attacks", name): f"{why} test_<name>_loss; got {name}"})
            if getattr(attack, "keep", "last") != "last" or attack.images is not None or attack.every is not None:
                why = "has the loss of each example at the last iterate, at each measurement"
                raise KnobError({("loss_attacks", name): f"{why}; remove `keep`, `images` and `every`"})
        if self.loss_attacks and not (self.test_losses or self.train_losses):
            why = "nothing is recorded under them; write `test_losses: true`, or `train_losses: true`, or remove them"
            raise KnobError({("loss_attacks",): why})
        return self

    @model_validator(mode="after")
    def _norm(self) -> Evaluation:
        given = self.model_dump(include=self.model_fields_set)
        if why := check_norm({"norm": "linf", "epsilon": 8 / 255}, given):
            raise KnobError({("norm",): why})
        return self

    @model_validator(mode="after")
    def _units(self) -> Evaluation:
        """Check the named attacks too: they do not know the norm, and build their PGD only when they run."""
        pieces: list[tuple[tuple[str, ...], Knobs]] = [((), self), *self.named().items()]
        pieces += [(("loss_attacks", name), attack) for name, attack in self.loss_attacks.items()]
        pieces += [(("diagnostics", name), diagnostic) for name, diagnostic in self.diagnostics.asked().items()]
        knobs = ("epsilon", "step_size")
        check_units(self.norm, {(*at, knob): getattr(piece, knob, None) for at, piece in pieces for knob in knobs})
        return self

    @model_validator(mode="after")
    def _blocks(self) -> Evaluation:
        wrong: dict[tuple[str, ...], str] = {}
        for (block, name), attack in self.named().items():
            if attack.every is not None and block == "final":
                why = "final attacks are run once, at the end; remove it, or write the attack below evaluate.along"
                wrong[block, name, "every"] = why
            elif attack.every is not None and attack.every % self.every:
                near = self.every * -(-attack.every // self.every)
                measures = f"evaluate.every measures each {self.every} epochs"
                why = f"{attack.every}, and {measures}; take a multiple, such as {near}"
                wrong[block, name, "every"] = why
        for name, attack in self.along.items():
            if getattr(attack, "order", "all") != "all":
                why = "margins are those that the attacks of evaluate.final leave; write the attack there, or remove it"
                wrong["along", name, "order"] = why
            if getattr(attack, "scope", "all") != "all":
                why = "the front is known once all trainings have ended; write the attack below evaluate.final"
                wrong["along", name, "for"] = why
        if wrong:
            raise KnobError(wrong)
        return self

    def named(self) -> dict[tuple[str, str], NamedAttack]:
        """Return the attacks of `along` and `final`, by block and name."""
        blocks = {"along": self.along, "final": self.final}
        return {(block, name): attack for block, attacks in blocks.items() for name, attack in attacks.items()}

    def curve(self) -> dict[str, Any]:
        """Return the part that is measured along training, without measurements that are off; no diagnostics."""
        off = set() if self.train else {"train"}
        return self.model_dump(exclude={"final", "min_perturbation", "diagnostics"} | off)

    def resolved(self, device: str, trains_in: str) -> Evaluation:
        """Return these settings with `precision` resolved for trials that compute on a device, "cpu" or "cuda"."""
        asked: Precision = "fp32" if self.precision == "auto" else self.precision
        if self.precision == "auto" and device == "cuda" and trains_in == "bf16":
            asked = "bf16"
        if asked == "tf32" and device == "cpu":
            asked = "fp32"  # a CPU has no other
        return self.model_copy(update={"precision": asked})

    @property
    def crafting(self) -> Precision:
        """The precision of attacks along training: fp32 if it has not been resolved."""
        return "fp32" if self.precision == "auto" else self.precision

    def unrecorded(self) -> tuple[str, ...]:
        """Return the columns of a training step that are not recorded."""
        return tuple(name for name in ("entropy", "gradient_norm") if not getattr(self, name))

    def for_front(self) -> dict[str, AutoAttackRun]:
        """Return the final attacks that measure only what may be on the front, by name."""
        runs = {name: attack for name, attack in self.final.items() if isinstance(attack, AutoAttackRun)}
        return {name: attack for name, attack in runs.items() if attack.scope == "front"}

    def due(self, epoch: int, epochs: int) -> bool:
        """Return whether the training curves are measured after an epoch (0-based)."""
        return is_due(self.every, epoch, epochs)

    def due_along(self, epoch: int, epochs: int) -> dict[str, NamedAttack]:
        """Return the further attacks that run after an epoch (0-based), by name; after the last all of them."""
        return {
            name: attack for name, attack in self.along.items() if is_due(attack.every or self.every, epoch, epochs)
        }

    def rhythms(self) -> dict[str, int]:
        """Return the epochs between measurements, by the key that sets them."""
        every = {f"evaluate.along.{name}.every": attack.every for name, attack in self.along.items()}
        return {"evaluate.every": self.every} | {key: epochs for key, epochs in every.items() if epochs is not None}

    def pgd(self) -> PGD:
        """Return the attack of training curves, by which validation selects: last iterate, eval mode."""
        knobs = {name: getattr(self, name) for name in ("epsilon", "norm", "steps", "step_size", "start", "ascend")}
        return PGD(**knobs)

    def for_losses(self) -> dict[str, PGD]:
        """Return the attacks under which each example's loss is recorded, by name."""
        named = {name: attack.build(self.epsilon, self.norm) for name, attack in self.loss_attacks.items()}
        return {"pgd": self.pgd()} | named

    def attacks(self) -> dict[str, str]:
        """Return each attack in words, by the name that its accuracy has."""
        curves = PGDAttack(steps=self.steps, step_size=self.step_size, start=self.start, ascend=self.ascend)
        along = {"pgd": curves} | self.along
        words = {name: attack.describe(self.epsilon, self.norm, self.crafting) for name, attack in along.items()}
        return words | {name: attack.describe(self.epsilon, self.norm) for name, attack in self.final.items()}
