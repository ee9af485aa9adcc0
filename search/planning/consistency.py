"""What contradicts itself within a space, whatever the data: each problem is a path and a message."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING

from search.formatting import format_count
from search.schema.axes import Axis, impossible
from search.schema.blocks import ADAPTIVE, STRATEGIES, Search, Space
from search.schema.limits import CROSSED, TRAININGS
from search.schema.loggers import absent
from search.schema.messages import nearest
from search.schema.replicates import Adaptive
from trainers.config import TrialConfig

if TYPE_CHECKING:
    from search.planning.plan import Planned

DRAWING = [strategy for strategy in STRATEGIES if strategy != "grid"]
Problem = tuple[tuple[str, ...], str]


def contradictions(space: Space) -> Iterator[Problem]:
    """Axes that are none, strategies that do not fit them, and keys that exclude one another."""
    search = space.search
    for path, axis in search.axes.items():
        at = ("search", "axes", path)
        root = path.partition(".")[0]
        if path == "seed":
            yield at, "seeds are replicates, not an axis: write `search: {replicates: 3}`"
        elif root not in TrialConfig.model_fields:
            yield at, f"a trial has no such knob{nearest(root, sorted(TrialConfig.model_fields))}"
        if search.strategy == "grid" and axis.kind not in ("grid", "choice"):
            yield at, f"a grid search crosses listed values; {axis.kind} needs another strategy: {', '.join(DRAWING)}"
        if root == "start_from" and space.pretrain is not None:
            yield at, TWO_STARTS
    for path, message in impossible(search.axes):
        yield ("search", "axes", path, "when"), message
    yield from _ring(search.axes)
    yield from _strategy(search)
    yield from _size(search)
    for message in absent(search.loggers):
        yield ("search", "loggers"), message
    if search.budget.gpu_hours is not None and not space.resources.gpus:
        yield ("search", "budget", "gpu_hours"), "no training asks for a GPU (resources: {gpus: 0}); use wall or epochs"
    if isinstance(search.replicates, Adaptive) and len(search.objectives) < 2:
        yield ("search", "replicates"), "are spent where a front is in doubt, which takes two objectives; give a number"
    if "seed" in space.trial:
        yield ("trial", "seed"), "seeds are replicates: write `search: {replicates: [seed, ...]}`"
    if "start_from" in space.trial and space.pretrain is not None:
        yield ("trial", "start_from"), TWO_STARTS


def selections(space: Space) -> Iterator[Problem]:
    """What of a space goes by validation, and so needs a hold-out: each with what to write instead."""
    search, why = space.search, "goes by validation, and trial.data.val: 0 leaves none"
    if search.checkpoint == "best":
        yield ("search", "checkpoint"), f"best {why}; write `search: {{checkpoint: last}}`"
    if search.adapts:
        yield ("search", "strategy"), f"{search.strategy} {why}; take grid, random or qmc"
    if search.adds_seeds:
        yield ("search", "replicates"), f"where a front is in doubt {why}; give a number of seeds"
    if search.stopping.stops:
        yield ("search", "stopping"), f"stopping {why}; remove the key"
    if search.constraints:
        yield ("search", "constraints"), f"a constraint {why}; remove the key"
    if "objectives" in search.model_fields_set:
        yield ("search", "objectives"), f"an objective {why}; remove the key"
    if space.pretrain is not None and space.pretrain.weights == "best":
        yield ("pretrain", "weights"), f"best {why}; write `weights: last`"
    if space.evaluate.min_perturbation is not None:
        yield ("evaluate", "min_perturbation"), f"the best checkpoint, where it is measured, {why}; remove the key"


def _strategy(search: Search) -> Iterator[Problem]:
    """What a strategy needs, and what it has no use for."""
    at = ("search", "trials")
    if search.strategy == "grid" and search.trials is not None:
        yield at, f"a grid has all that its axes cross; a number of configurations goes with {', '.join(DRAWING)}"
    if search.strategy != "grid" and search.trials is None:
        yield at, f"is required: the number of configurations that `strategy: {search.strategy}` is to draw"
    at = ("search", "generation")
    if search.strategy not in ADAPTIVE:
        if "generation" in search.model_fields_set:
            yield at, f"{search.strategy} learns nothing on the way; generations go with {', '.join(ADAPTIVE)}"
        return
    if search.strategy == "nsga2" and search.generation < 2:
        yield at, f"nsga2 crosses two parents, so at least 2; got {search.generation}"
    if not search.axes:
        yield ("search", "axes"), f"is required: there is nothing that `strategy: {search.strategy}` could vary"


def _size(search: Search) -> Iterator[Problem]:
    """What no sweep is: told before it is listed, which would take hours."""
    crossed = prod(len(axis.choices()) for axis in search.axes.values())
    configurations = (
        search.trials or 0 if search.draws else 1 if any(it.when for it in search.axes.values()) else crossed
    )
    seeds = search.replicates.max if isinstance(search.replicates, Adaptive) else len(search.replicates)
    if not search.draws and crossed > CROSSED:
        yield ("search", "axes"), f"cross to {crossed:,} configurations; a grid has at most {CROSSED:,}"
    elif configurations * seeds > TRAININGS:
        what = f"{format_count(configurations, 'configuration')} x {format_count(seeds, 'seed')}"
        at = ("search", "trials") if search.draws else ("search", "axes")
        yield at, f"{what} are {configurations * seeds:,} trainings; a sweep has at most {TRAININGS:,}"


def _ring(axes: dict[str, Axis]) -> Iterator[Problem]:
    """Axes that wait for one another, so that none of them could be drawn first."""
    try:
        TopologicalSorter({path: axis.when for path, axis in axes.items()}).prepare()
    except CycleError as error:
        ring = error.args[1]
        yield ("search", "axes", ring[0], "when"), f"axes wait for one another: {' <- '.join(ring)}"


TWO_STARTS = "trials start from the weights of the pretraining or from a file, not from both; remove one of the keys"


def ineffective_axis(axes: Sequence[str], trials: Sequence[Planned]) -> Problem | None:
    """Two values of an axis that give the same training wherever both occur are a mistake: a burn-in behind the end."""
    for path in axes:
        groups: dict[Hashable, dict[str, str]] = {}
        for trial in trials:
            rest = (trial.replicate, *((name, label) for name, label in trial.axes.items() if name != path))
            if path in trial.axes:
                groups.setdefault(rest, {})[trial.axes[path]] = trial.final
        if alike := _alike(list(groups.values())):
            return ("search", "axes", path), (
                f"{alike[0]} and {alike[1]} give the same training, stage by stage: the knob has no effect there; "
                "drop a value"
            )
    return None


def _alike(groups: Sequence[Mapping[str, str]]) -> tuple[str, str] | None:
    """Two labels with the same training in each group that has both, and in one at least; found without all pairs."""
    of: dict[str, dict[int, str]] = {}
    for i, group in enumerate(groups):
        for label, final in group.items():
            of.setdefault(label, {})[i] = final
    for group in groups:
        same: dict[str, list[str]] = {}
        for label, final in group.items():
            same.setdefault(final, []).append(label)
        for labels in same.values():
            if len(labels) > 1 and (pair := _among(labels, of)):
                return pair
    return None


def _among(labels: Sequence[str], of: Mapping[str, Mapping[int, str]]) -> tuple[str, str] | None:
    """Of labels that agree in one group, two that agree in all; those that occur in the same groups do so or differ."""
    first: dict[Hashable, str] = {}
    where: dict[frozenset[int], list[str]] = {}
    for label in labels:
        if (one := first.setdefault(frozenset(of[label].items()), label)) != label:
            return one, label
        where.setdefault(frozenset(of[label]), []).append(label)
    for some, others in combinations(where.values(), 2):
        for pair in product(some, others):
            common = of[pair[0]].keys() & of[pair[1]].keys()
            if all(of[pair[0]][i] == of[pair[1]][i] for i in common):
                return pair
    return None


def twins(trials: Sequence[Planned]) -> str | None:
    """A word on trials that are the same training as another's, which the tree of stages trains once."""
    first: dict[str, Planned] = {}
    again = [trial for trial in trials if first.setdefault(trial.final, trial) is not trial]
    if not again:
        return None
    example = f"{again[0].configuration} as {first[again[0].final].configuration}"
    return (
        f"{len(again)} of {len(trials)} trials are the same training as another ({example}) and cost nothing; "
        "limit an axis by `when` to have them once"
    )
