"""What AutoAttack takes in a plan, and about what share of it `order: margin` and `for: front` would take.

The passes are those of attacking every training whole, if no image were ever misclassified. The shares are measured on
other networks, as what is left out depends on verdicts: they say what to expect, and a finished run tells what it was
(analysis.measures.attack_passes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from search.monitor.probe import count_autoattack_run
from search.planning.plan import Plan
from trainers.attack_runs import AutoAttackRun
from trainers.data import Data
from trainers.formatting import format_count

BY_MARGIN = 0.32  # of the passes: of 29 networks that do not look masked (trainers/README.md)
BY_FRONT = 7 / 26  # of the configurations: on spaces/methods.yaml, by either checkpoint (search/README.md)
CHECKPOINTS = {True: 2, False: 1}  # by whether validation chooses one beside the last


class AttackCost(NamedTuple):
    """The passes of an AutoAttack over all trainings of a plan, at most, in examples."""

    forwards: float
    backwards: float
    trainings: int
    ranked: float  # the part of the trainings that may be on a front; the others make rankings or weights


def count_attack_cost(plan: Plan, attack: AutoAttackRun, splits: Mapping[str, Data]) -> AttackCost | None:
    """Count the passes of an attack in a plan, each training once; None if the size of some test set is unknown."""
    trainings = {trial.final: trial for trial in plan.trials}
    forwards = backwards = ranked = 0.0
    for trial in trainings.values():
        data = trial.config.data
        known = splits.get(trial.data)
        sizes = (len(known.test), known.classes) if known else data.published_test()
        if sizes is None:
            return None
        images, classes = min(attack.images or sizes[0], sizes[0]), sizes[1]
        passes = count_autoattack_run(attack, classes) * (images * CHECKPOINTS[data.holds_out])
        forwards, backwards = forwards + passes.forwards, backwards + passes.backwards
        ranked += (passes.forwards + passes.backwards) * (trial.kind == "trial")
    return AttackCost(forwards, backwards, len(trainings), ranked / (forwards + backwards))


def list_attack_costs(plan: Plan, splits: Mapping[str, Data]) -> Iterator[tuple[str, str]]:
    """List for each AutoAttack of `evaluate.final` what it takes whole, and what to expect of leaving out."""
    for name, attack in plan.evaluation.final.items():
        if not isinstance(attack, AutoAttackRun):
            continue
        found = count_attack_cost(plan, attack, splits)
        if found is None:
            yield f"passes: {name}", "unknown: the data is not here yet"
            continue
        whole = f"{found.forwards:.2g} forwards, {found.backwards:.2g} backwards"
        by_front = BY_FRONT * found.ranked
        yield (
            f"passes: {name}",
            f"at most {whole} to attack {format_count(found.trainings, 'training')} whole; about {BY_MARGIN:.0%} of it "
            f"with `order: margin`, {by_front:.0%} with `for: front`, {BY_MARGIN * by_front:.0%} with both, by shares "
            "measured on digits",
        )
