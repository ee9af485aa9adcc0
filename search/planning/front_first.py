"""Which trainings an attack `for: front` has to measure, so that the front is that of attacking all of them.

Robust means: withstands every attack that was tried. So the share of images that withstand the cheap attacks bounds
robust accuracy from above, and a configuration whose bound is dominated by a verdict on another one is not on the
front. The means of clean and robust accuracy over seeds are compared, those of bounds as long as not all seeds of a
configuration are attacked. In each round those are attacked whose point no other dominates: verdicts only lower points,
so that no order of attacks could have spared them. When all of these are attacked, each other point is dominated by a
verdict.

The attacked trainings follow from the records alone: neither a kill nor the number of workers changes them. Both
checkpoints have a front, each of it for itself; a training is attacked at both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from statistics import fmean
from typing import NamedTuple

import numpy as np

from search.planning.plan import Plan, PlannedTrial
from trainers.evaluate import Evaluation
from trainers.problems import identify_problem
from trainers.record_io import Row
from trainers.records import find_constant_class

CHECKPOINTS = ("best", "last")
ROUNDING = 1e-12  # more than means over seeds differ by the order of their summation
Read = Callable[[PlannedTrial], Row | None]  # the result of a training


class Point(NamedTuple):
    """A configuration at a checkpoint: means over its completed seeds."""

    clean: float
    robust: float  # the mean of verdicts if all seeds are attacked, of bounds otherwise
    attacked: bool  # all of its seeds
    seeds: int = 1


def choose_next(points: Sequence[Point]) -> list[bool]:
    """Return which configurations have to be attacked now: those not attacked whose point no other dominates."""
    if not points:
        return []
    values = np.array([(point.clean, point.robust) for point in points])
    leads = values[:, None] - values[None]  # of each over each
    slack = ROUNDING * (max(point.seeds for point in points) > 1)
    dominated = ((leads >= slack).all(axis=2) & (leads > 0).any(axis=2)).any(axis=0)
    return [not (point.attacked or beaten) for point, beaten in zip(points, dominated.tolist(), strict=True)]


def list_due(plan: Plan, read: Read, selects_at: str) -> set[tuple[str, str]]:
    """Return the attacks for the front that have to run now, each with the last state of a training.

    `selects_at`: the checkpoint that the search selects by. A configuration with a seed that diverged or that, at this
    checkpoint or at the front's, names one class for all images is on no front; one with a seed of which no bound is
    known is left out until it is.
    """
    if not plan.evaluation.for_front():
        return set()
    configurations: dict[str, list[PlannedTrial]] = defaultdict(list)
    for trial in plan.trials:
        if trial.kind == "trial":
            configurations[trial.configuration].append(trial)
    results = {trial.id: read(trial) for seeds in configurations.values() for trial in seeds}
    found = set()
    for name, attack in plan.evaluation.for_front().items():
        clean = f"test_{name}_clean_acc" if attack.images is not None else "test_clean_acc"
        for checkpoint in CHECKPOINTS:
            fronts: dict[tuple[str, str, str], list[tuple[Point, list[PlannedTrial]]]] = defaultdict(list)
            for seeds in configurations.values():
                ended = [(trial, result) for trial in seeds if (result := results[trial.id]) is not None]
                point = _locate([result for _, result in ended], name, clean, checkpoint, selects_at)
                if point is not None:
                    done = [trial for trial, result in ended if name not in result.get("attacks", {})]
                    fronts[_identify_front(seeds[0], ended[0][1])].append((point, done))
            for members in fronts.values():
                chosen = choose_next([point for point, _ in members])
                found |= {
                    (name, trial.final)
                    for (_, trials), now in zip(members, chosen, strict=True)
                    for trial in trials
                    if now and (results[trial.id] or {})["status"] == "completed"
                }
    return found


def _identify_front(first: PlannedTrial, result: Row) -> tuple[str, str, str]:
    """Return what configurations on one front share, as a report groups them: data, and the attack that selects."""
    problem = identify_problem(first.config.model_dump(mode="json"))
    return problem, first.data, str(result.get("attacks", {}).get("pgd", ""))


def _locate(results: Iterable[Row], name: str, clean: str, checkpoint: str, selects_at: str) -> Point | None:
    """Return the point of a configuration, given what its seeds recorded; None if it cannot be on the front."""
    results = list(results)
    if any(result["status"] == "diverged" for result in results):
        return None
    done = [result for result in results if result["status"] == "completed"]
    if not done or any(
        find_constant_class(result, at) is not None for result in done for at in (checkpoint, selects_at)
    ):
        return None
    attacked = all(name in result["attacks"] for result in done)
    records = [result.get(checkpoint) or {} for result in done]
    x = [record.get(clean) for record in records]
    y = [record.get(f"test_{name}_acc") if attacked else record.get("bounds", {}).get(name) for record in records]
    known = [[value for value in values if value is not None] for values in (x, y)]
    if any(len(values) < len(done) for values in known):
        return None
    return Point(fmean(known[0]), fmean(known[1]), attacked, len(done))


class FrontAttacks:
    """The attacks for the front of one run of a sweep, decided in rounds from the stored results."""

    def __init__(self, plan: Plan, read: Read, selects_at: str) -> None:
        self._plan, self._read, self._selects_at = plan, read, selects_at
        self._due: set[tuple[str, str]] = set()
        self._begun: set[tuple[str, str]] = set()  # in this run: what failed is not tried again

    def plan_more(self, among: Iterable[int]) -> list[int]:
        """Decide which of some trainings are attacked next, once all others have ended; return their places."""
        self._due = list_due(self._plan, self._read, self._selects_at)
        new = {final for _, final in self._due - self._begun}
        self._begun |= self._due
        return [i for i in among if self._plan.trials[i].final in new]

    def is_due(self, trial: PlannedTrial) -> bool:
        """Return whether a training is to be attacked now."""
        return any(final == trial.final and self._lacks(name, trial) for name, final in self._due)

    def list_postponed(self, trial: PlannedTrial, evaluation: Evaluation) -> set[str]:
        """Return the attacks of an evaluation that a training is not measured by for now."""
        due = {name for name, final in self._due if final == trial.final}
        return list_postponed(self._read(trial), evaluation) - due

    def _lacks(self, name: str, trial: PlannedTrial) -> bool:
        return name not in (self._read(trial) or {}).get("attacks", {})


def list_postponed(result: Row | None, evaluation: Evaluation) -> set[str]:
    """Return the attacks for the front that a training was not measured by, or will not be when it ends."""
    known: Mapping[str, str] | Set[str] = (result or {}).get("attacks", {})
    return {name for name in evaluation.for_front() if name not in known}
