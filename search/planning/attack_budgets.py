"""What is odd about the budgets of attacks, of those that measure as of those that train: lengths, steps, images.

What no image can show is a problem; what is seldom meant is a note. Each begins with the key that it is about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from search.formatting import format_count
from trainers.attack_runs import FGSM, PGDAttack
from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation
from trainers.iat import IAT
from trainers.knobs import step_length
from trainers.mma import MMA
from trainers.starts import Previous

if TYPE_CHECKING:
    from search.planning.plan import Planned

GREY = 0.5  # l-infinity: so far from every image lies the one that is grey everywhere


class Climb(NamedTuple):
    """An attack, as far as its budget goes; lengths in pixels of [0, 1]."""

    key: str  # of the block that it is written in
    norm: str
    epsilon: float
    steps: int | None = None  # None: an attack that chooses its steps itself
    length: float = 0.0  # of a step
    start: str = "none"

    @property
    def reach(self) -> float:
        return math.inf if self.steps is None else self.steps * self.length

    @property
    def falls_short(self) -> bool:
        """Whether the steps end within epsilon. A uniform start lies half of it away from the image by itself."""
        edge = self.epsilon / 2 if self.start == "uniform" else self.epsilon
        return 0 < self.reach < edge * (1 - 1e-9)

    @property
    def leaps(self) -> bool:
        """Whether a step is longer than epsilon where others follow, or than the ball is wide."""
        widest = 2 * self.epsilon if self.steps == 1 else self.epsilon
        return self.steps is not None and self.length > widest * (1 + 1e-9) > 0


def measuring(evaluation: Evaluation) -> Iterator[Climb]:
    """The attacks of a study's `evaluate:` block."""
    norm, steps = evaluation.norm, evaluation.steps
    length = step_length(evaluation.step_size, evaluation.epsilon)
    yield Climb("evaluate", norm, evaluation.epsilon, steps, length, evaluation.start)
    losses = {("loss_attacks", name): it for name, it in evaluation.loss_attacks.items()}
    for (block, name), it in (evaluation.named() | losses).items():
        key, epsilon = f"evaluate.{block}.{name}", it.epsilon or evaluation.epsilon
        if isinstance(it, PGDAttack):
            yield Climb(key, norm, epsilon, it.steps, step_length(it.step_size, epsilon), it.start)
        elif isinstance(it, FGSM):
            yield Climb(key, norm, epsilon, 1, epsilon)
        else:
            yield Climb(key, norm, epsilon)


def training(config: TrialConfig) -> Climb | None:
    """The attack that a training ends with, which has its largest budget where schedules grow; None without one."""
    method = config.method.at(config.epochs - 1, config.epochs)
    attack = getattr(method, "attack", method)
    if isinstance(attack, PGD):
        epsilon, start = float(attack.epsilon), attack.start  # type: ignore[arg-type]  # a number in a stage
        length = step_length(attack.step_size, epsilon)
        goes_on = isinstance(start, Previous)  # from the last visit's perturbation, epoch after epoch
        steps = None if goes_on or not attack.steps else attack.steps
        return Climb("method.attack", attack.norm, epsilon, steps, length, start if isinstance(start, str) else "none")
    if isinstance(attack, MMA):
        length = step_length(attack.step_size, attack.d_max)
        return Climb("method", attack.norm, attack.d_max, attack.steps, length)
    if isinstance(attack, IAT):
        return Climb("method.attack", "linf", attack.epsilon)
    return Climb("method", "linf", float(attack.epsilon)) if hasattr(attack, "epsilon") else None


def check_lengths(climbs: Sequence[Climb], data: Data) -> None:
    """Raise ValueError where an l2 budget or step is longer than two images of this size can be apart."""
    channels, height, width = data.train.x.shape[1:]
    apart = math.sqrt(channels * height * width)
    for climb in climbs:
        for knob, length in (("epsilon", climb.epsilon), ("step_size", climb.length)):
            if climb.norm == "l2" and length > apart:
                raise ValueError(
                    f"{climb.key}.{knob}: {length:g} in l2, and no two images of {channels}x{height}x{width} pixels in "
                    f"[0, 1] are farther apart than {apart:.4g}; write it in pixels of [0, 1], such as {length:g}/255"
                )


def oddities(climb: Climb, data: Data | None) -> Iterator[str]:
    """What is allowed of a budget and seldom meant, but for steps that fall short."""
    grey = GREY if climb.norm == "linf" else math.inf
    if climb.norm == "l2" and data is not None:
        grey = GREY * math.sqrt(math.prod(data.train.x.shape[1:]))
    if climb.epsilon >= grey:
        yield (
            f"{climb.key}.epsilon: within {climb.epsilon:.4g} in {climb.norm} every image can be made the same grey, "
            "and no network is right there on more than one class; of pixels 0 to 255 write shares, such as 8/255"
        )
    if climb.leaps:
        wide, widest = ("the ball is wide", 2 * climb.epsilon) if climb.steps == 1 else ("epsilon", climb.epsilon)
        yield (
            f"{climb.key}.step_size: a step of {climb.length:.4g} is longer than {wide} ({widest:.4g}) and leaps from "
            "edge to edge; take a share of epsilon, such as epsilon/4"
        )


def unmoved(config: TrialConfig) -> Iterator[str]:
    """A word on an attack that neither starts nor goes anywhere."""
    attack = getattr(config.method, "attack", None)
    if isinstance(attack, PGD) and not attack.steps and attack.start == "none":
        yield (
            "method.attack.steps: 0, from the image itself: this is standard training; with start: uniform it is the "
            "control that trains on random noise"
        )


def of_measuring(evaluation: Evaluation, sizes: Sequence[int], epochs: Sequence[int]) -> Iterator[str]:
    """What is odd about how a study measures.

    sizes: of its test sets, as far as they are known; epochs: of its trainings.
    """
    along, *others = measuring(evaluation)
    for climb in (along, *others):
        if climb.falls_short:
            yield (
                f"{climb.key}.step_size: {climb.steps} steps of {climb.length:.4g} reach {climb.reach:.4g} of epsilon "
                f"{climb.epsilon:.4g}, so that the attack is weaker than it says; write it as a share of epsilon, "
                "such as epsilon/4, or take more steps"
            )
    yield from _weaker(evaluation, along, [climb for climb in others if climb.key.startswith("evaluate.final.")])
    for (block, name), it in evaluation.named().items():
        if it.images is not None and sizes and it.images > max(sizes):
            yield f"evaluate.{block}.{name}.images: {it.images}, and the test set has {max(sizes)}: all are looked at"
    for key, every in evaluation.rhythms().items():
        if every > 1 and epochs and max(epochs) <= every:
            so = "so that it is the best, and nothing is known of overfitting"
            so = so if key == "evaluate.every" else "as `final` does"
            yield f"{key}: {every}, and trainings have {max(epochs)} epochs: the last alone is measured, {so}"
    distances = evaluation.min_perturbation
    if distances is not None and evaluation.norm == "linf" and distances.limit < evaluation.epsilon:
        yield (
            f"evaluate.min_perturbation.limit: {distances.limit:.4g}, within the epsilon of {evaluation.epsilon:.4g}: "
            "all examples that withstand it tie"
        )


def _weaker(evaluation: Evaluation, along: Climb, finals: Sequence[Climb]) -> Iterator[str]:
    """Final attacks that find less than the attack of the curves does."""
    alike = [climb for climb in finals if math.isclose(climb.epsilon, along.epsilon)]
    if finals and not alike:
        yield (
            f"evaluate.final: none is at the epsilon of the curves, {along.epsilon:.4g}, by which checkpoints are "
            "selected: tables and fronts show the weaker attack of the curves"
        )
    by_key = {f"evaluate.final.{name}": attack for name, attack in evaluation.final.items()}
    for climb in alike:
        it = by_key[climb.key]
        if isinstance(it, PGDAttack) and it.keep == "last" and it.steps * it.restarts < evaluation.steps:
            yield f"{climb.key}.steps: {it.steps}, fewer than the {evaluation.steps} of the attack of the curves"


def elsewhere(evaluation: Evaluation, climbs: Iterable[Climb | None]) -> str | None:
    """A word on a study that measures in a norm in which nothing is trained."""
    norms = {climb.norm for climb in climbs if climb is not None}
    if not norms or evaluation.norm in norms:
        return None
    return f"evaluate.norm: {evaluation.norm}, and all that is trained against attacks is so in {norms.pop()}"


def out_of_reach(trials: Sequence[Planned]) -> str | None:
    """A word on attacks whose epsilon lies farther from the image than all their steps together lead."""
    short: dict[str, str] = {}
    of = {trial.configuration: trial for trial in trials}
    for name, trial in of.items():
        climb = training(trial.config)
        if climb is not None and climb.falls_short:
            short[name] = f"{climb.steps} steps reach {climb.reach:.4g} of {climb.epsilon:.4g} ({name})"
    if not short:
        return None
    searched = [name for name, trial in of.items() if trial.kind == "trial"]
    n = sum(name in short for name in searched)
    where = [f"in {n} of {format_count(len(searched), 'configuration')}"] * bool(n)
    where += ["in trainings that come first"] * (n < len(short))
    return (
        f"{' and '.join(where)} the attack's steps end within its epsilon, which is no bound then: "
        f"{next(iter(short.values()))}; write method.attack.step_size as a share of epsilon, or take more steps"
    )
