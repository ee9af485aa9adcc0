"""Find unusual budgets of attacks that train or measure: lengths, steps, images.

A budget that no image can reach is a problem; one that is seldom intended is a note. Each message begins with a key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from trainers.attack_runs import FGSM, PGDAttack
from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation
from trainers.formatting import format_count
from trainers.iat import IAT
from trainers.knobs import step_length
from trainers.mma import MMA
from trainers.starts import Previous

if TYPE_CHECKING:
    from search.planning.plan import PlannedTrial

GREY = 0.5  # l-infinity distance within which every image can become uniformly grey


class AttackBudget(NamedTuple):
    """The budget of an attack; lengths are in pixels of [0, 1]."""

    key: str  # of the block that sets it
    norm: str
    epsilon: float
    steps: int | None = None  # None: the attack chooses them itself
    step_length: float = 0.0
    start: str = "none"

    @property
    def reach(self) -> float:
        return math.inf if self.steps is None else self.steps * self.step_length

    @property
    def falls_short(self) -> bool:
        """Return whether all steps together are shorter than epsilon, or than half of it after a uniform start."""
        edge = self.epsilon / 2 if self.start == "uniform" else self.epsilon
        return 0 < self.reach < edge * (1 - 1e-9)

    @property
    def oversteps(self) -> bool:
        """Return whether a step is longer than epsilon, or than the diameter of the ball if it is the only step."""
        widest = 2 * self.epsilon if self.steps == 1 else self.epsilon
        return self.steps is not None and self.step_length > widest * (1 + 1e-9) > 0


def list_evaluation_budgets(evaluation: Evaluation) -> Iterator[AttackBudget]:
    """Yield the budgets of the attacks in an `evaluate:` block."""
    norm, steps = evaluation.norm, evaluation.steps
    length = step_length(evaluation.step_size, evaluation.epsilon)
    yield AttackBudget("evaluate", norm, evaluation.epsilon, steps, length, evaluation.start)
    losses = {("loss_attacks", name): attack for name, attack in evaluation.loss_attacks.items()}
    for (block, name), attack in (evaluation.named() | losses).items():
        key, epsilon = f"evaluate.{block}.{name}", attack.epsilon or evaluation.epsilon
        if isinstance(attack, PGDAttack):
            yield AttackBudget(key, norm, epsilon, attack.steps, step_length(attack.step_size, epsilon), attack.start)
        elif isinstance(attack, FGSM):
            yield AttackBudget(key, norm, epsilon, 1, epsilon)
        else:
            yield AttackBudget(key, norm, epsilon)
    if flatness := evaluation.diagnostics.flatness:
        epsilon = flatness.epsilon or evaluation.epsilon
        length = step_length(flatness.step_size, epsilon)
        yield AttackBudget("evaluate.diagnostics.flatness", norm, epsilon, flatness.steps, length, flatness.start)


def find_training_budget(config: TrialConfig) -> AttackBudget | None:
    """Return the budget of the attack in a training's last epoch, the largest if schedules grow; None without one."""
    method = config.method.at(config.epochs - 1, config.epochs)
    attack = getattr(method, "attack", method)
    if isinstance(attack, PGD):
        epsilon, start = float(attack.epsilon), attack.start  # type: ignore[arg-type]  # a number in a stage
        length = step_length(attack.step_size, epsilon)
        continues = isinstance(start, Previous)  # from the perturbation of the previous epoch
        steps = None if continues or not attack.steps else attack.steps
        return AttackBudget(
            "method.attack", attack.norm, epsilon, steps, length, start if isinstance(start, str) else "none"
        )
    if isinstance(attack, MMA):
        length = step_length(attack.step_size, attack.d_max)
        return AttackBudget("method", attack.norm, attack.d_max, attack.steps, length)
    if isinstance(attack, IAT):
        return AttackBudget("method.attack", "linf", attack.epsilon)
    return AttackBudget("method", "linf", float(attack.epsilon)) if hasattr(attack, "epsilon") else None


def check_lengths(budgets: Sequence[AttackBudget], data: Data) -> None:
    """Raise ValueError if an l2 budget or step is longer than the largest distance between two images of this size."""
    channels, height, width = data.train.x.shape[1:]
    apart = math.sqrt(channels * height * width)
    for budget in budgets:
        for knob, length in (("epsilon", budget.epsilon), ("step_size", budget.step_length)):
            if budget.norm == "l2" and length > apart:
                raise ValueError(
                    f"{budget.key}.{knob}: {length:g} in l2, and no two images of {channels}x{height}x{width} pixels "
                    f"in [0, 1] are farther apart than {apart:.4g}; write it in pixels of [0, 1], such as "
                    f"{length:g}/255"
                )


def note_unusual_budget(budget: AttackBudget, data: Data | None) -> Iterator[str]:
    """Note what a budget allows and is seldom intended; `note_short_reach` covers steps that fall short."""
    grey = GREY if budget.norm == "linf" else math.inf
    if budget.norm == "l2" and data is not None:
        grey = GREY * math.sqrt(math.prod(data.train.x.shape[1:]))
    if budget.epsilon >= grey:
        yield (
            f"{budget.key}.epsilon: within {budget.epsilon:.4g} in {budget.norm} every image can become the same grey, "
            "where a network is right on one class at most; write pixels of 0 to 255 as shares, such as 8/255"
        )
    if budget.oversteps:
        wide, widest = ("the ball is wide", 2 * budget.epsilon) if budget.steps == 1 else ("epsilon", budget.epsilon)
        yield (
            f"{budget.key}.step_size: a step of {budget.step_length:.4g} is longer than {wide} ({widest:.4g}) and "
            "leaps from edge to edge; take a share of epsilon, such as epsilon/4"
        )


def note_unmoved_attack(config: TrialConfig) -> Iterator[str]:
    """Note an attack that neither starts away from the image nor takes a step."""
    attack = getattr(config.method, "attack", None)
    if isinstance(attack, PGD) and not attack.steps and attack.start == "none":
        yield (
            "method.attack.steps: 0, from the image itself: this is standard training; with start: uniform it is the "
            "control that trains on random noise"
        )


def note_evaluation(evaluation: Evaluation, sizes: Sequence[int], epochs: Sequence[int]) -> Iterator[str]:
    """Note unusual settings of an `evaluate:` block.

    sizes: of the test sets that are loaded; epochs: of the trainings.
    """
    along, *others = list_evaluation_budgets(evaluation)
    for budget in (along, *others):
        if budget.falls_short:
            yield (
                f"{budget.key}.step_size: {budget.steps} steps of {budget.step_length:.4g} reach {budget.reach:.4g} of "
                f"epsilon {budget.epsilon:.4g}, so that the attack is weaker than it says; write it as a share of "
                "epsilon, such as epsilon/4, or take more steps"
            )
    yield from _note_weaker_finals(
        evaluation, along, [budget for budget in others if budget.key.startswith("evaluate.final.")]
    )
    for (block, name), attack in evaluation.named().items():
        if attack.images is not None and sizes and attack.images > max(sizes):
            key = f"evaluate.{block}.{name}.images"
            yield f"{key}: {attack.images}, and the test set has {max(sizes)}: all are attacked"
    for key, every in evaluation.rhythms().items():
        if every > 1 and epochs and max(epochs) <= every:
            effect = "so that it is the selected one, and nothing is known of overfitting"
            effect = effect if key == "evaluate.every" else "as `final` does"
            yield f"{key}: {every}, and trainings have {max(epochs)} epochs: only the last is measured, {effect}"
    for name, diagnostic in evaluation.diagnostics.asked().items():
        late = [moment for moment in diagnostic.after if epochs and isinstance(moment, int) and moment > max(epochs)]
        if late:
            yield (
                f"evaluate.diagnostics.{name}.after: {', '.join(map(str, late))}, and trainings have {max(epochs)} "
                "epochs: it is not measured then"
            )
    distances = evaluation.min_perturbation
    if distances is not None and evaluation.norm == "linf" and distances.limit < evaluation.epsilon:
        yield (
            f"evaluate.min_perturbation.limit: {distances.limit:.4g}, within the epsilon of {evaluation.epsilon:.4g}: "
            "all examples that withstand it tie"
        )


def _note_weaker_finals(evaluation: Evaluation, along: AttackBudget, finals: Sequence[AttackBudget]) -> Iterator[str]:
    """Note final attacks that are weaker than the attack of the curves."""
    alike = [budget for budget in finals if math.isclose(budget.epsilon, along.epsilon)]
    if finals and not alike:
        yield (
            f"evaluate.final: none is at the epsilon of the curves, {along.epsilon:.4g}, by which checkpoints are "
            "selected: tables and fronts show the weaker attack of the curves"
        )
    by_key = {f"evaluate.final.{name}": attack for name, attack in evaluation.final.items()}
    for budget in alike:
        attack = by_key[budget.key]
        if (
            isinstance(attack, PGDAttack)
            and attack.keep == "last"
            and attack.steps * attack.restarts < evaluation.steps
        ):
            yield f"{budget.key}.steps: {attack.steps}, fewer than the {evaluation.steps} of the attack of the curves"


def note_other_norm(evaluation: Evaluation, budgets: Iterable[AttackBudget | None]) -> str | None:
    """Note an evaluation in a norm that no training uses."""
    norms = {budget.norm for budget in budgets if budget is not None}
    if not norms or evaluation.norm in norms:
        return None
    return f"evaluate.norm: {evaluation.norm}, and every training against attacks uses {norms.pop()}"


def note_short_reach(trials: Sequence[PlannedTrial]) -> str | None:
    """Note attacks whose steps together are shorter than their epsilon."""
    short: dict[str, str] = {}
    by_name = {trial.configuration: trial for trial in trials}
    for name, trial in by_name.items():
        budget = find_training_budget(trial.config)
        if budget is not None and budget.falls_short:
            short[name] = f"{budget.steps} steps reach {budget.reach:.4g} of {budget.epsilon:.4g} ({name})"
    if not short:
        return None
    searched = [name for name, trial in by_name.items() if trial.kind == "trial"]
    n = sum(name in short for name in searched)
    where = [f"in {n} of {format_count(len(searched), 'configuration')}"] * bool(n)
    where += ["in trainings that come first"] * (n < len(short))
    return (
        f"{' and '.join(where)} the attack's steps end within its epsilon, which is no bound then: "
        f"{next(iter(short.values()))}; write method.attack.step_size as a share of epsilon, or take more steps"
    )
