"""The axes that part trainings in their first epoch, so that nothing before their effect can be shared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping

from search.planning.plan import Plan, PlannedTrial
from search.schema.axes import Axis


def find_parting_axes(plan: Plan, axes: Mapping[str, Axis]) -> list[str]:
    """Return the axes of which two values, all others being equal, part two trials of one seed in their first epoch.

    Axes that act only where this one has some value are left out of what must be equal. The data is named as an axis
    like any other: a training on other examples shares no epoch.
    """
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    return [path for path in axes if _parts_at_once(path, axes, trials)]


def _parts_at_once(path: str, axes: Mapping[str, Axis], trials: list[PlannedTrial]) -> bool:
    free = {path, *(other for other, axis in axes.items() if path in axis.when)}
    first_states: dict[Hashable, set[str]] = defaultdict(set)
    for trial in trials:
        equal = tuple(sorted(pair for pair in trial.axes.items() if pair[0] not in free))
        if path in trial.axes:
            first_states[trial.replicate, equal].add(trial.chain[1])
    return any(len(states) > 1 for states in first_states.values())
