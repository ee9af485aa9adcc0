"""Find contradictions within a space that do not depend on data; each problem is a path and a message."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product
from typing import TYPE_CHECKING

from search.schema.axes import Axis, find_impossible_conditions
from search.schema.blocks import ADAPTIVE_STRATEGIES, STRATEGIES, Search, Space
from search.schema.loggers import explain_missing_packages
from search.schema.messages import suggest_key
from search.schema.replicates import AdaptiveReplicates, CertifiedReplicates
from search.schema.space import find_excess
from trainers.config import TrialConfig

if TYPE_CHECKING:
    from search.planning.plan import PlannedTrial

DRAWING_STRATEGIES = [strategy for strategy in STRATEGIES if strategy != "grid"]
SpaceProblem = tuple[tuple[str, ...], str]


def find_contradictions(space: Space) -> Iterator[SpaceProblem]:
    """Yield invalid axes, strategies that do not fit the axes, and keys that exclude each other."""
    search = space.search
    for path, axis in search.axes.items():
        at = ("search", "axes", path)
        root = path.partition(".")[0]
        if path == "seed":
            yield at, "seeds are replicates, not an axis: write `search: {replicates: 3}`"
        elif root == "trial" and path != root:
            yield at, f"an axis is a path below `trial:`; write search.axes.{path.partition('.')[2]}"
        elif root not in TrialConfig.model_fields:
            yield at, f"a trial has no such key{suggest_key(TrialConfig, root)}"
        if search.strategy == "grid" and axis.kind not in ("grid", "choice"):
            others = ", ".join(DRAWING_STRATEGIES)
            yield at, f"a grid search crosses listed values; {axis.kind} needs another strategy: {others}"
        if root == "start_from" and space.pretrain is not None:
            yield at, TWO_STARTS
    for path, message in find_impossible_conditions(search.axes):
        yield ("search", "axes", path, "when"), message
    yield from _check_cycle(search.axes)
    yield from _check_strategy(search)
    yield from find_excess(search)
    for message in explain_missing_packages(search.loggers):
        yield ("search", "loggers"), message
    if search.budget.gpu_hours is not None and not space.resources.gpus:
        yield ("search", "budget", "gpu_hours"), "no training asks for a GPU (resources: {gpus: 0}); use wall or epochs"
    if isinstance(search.replicates, AdaptiveReplicates) and len(search.objectives) < 2:
        yield ("search", "replicates"), "are spent where a front is in doubt, which takes two objectives; give a number"
    yield from _check_certified(search)
    if "seed" in space.trial:
        yield ("trial", "seed"), "seeds are replicates: write `search: {replicates: [seed, ...]}`"
    if "start_from" in space.trial and space.pretrain is not None:
        yield ("trial", "start_from"), TWO_STARTS


def find_uses_of_validation(space: Space) -> Iterator[SpaceProblem]:
    """Yield the keys that select by validation and so need a hold-out, each with a replacement."""
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
        yield ("evaluate", "min_perturbation"), f"the selected epoch, where it is measured, {why}; remove the key"


def _check_strategy(search: Search) -> Iterator[SpaceProblem]:
    """Yield the keys that a strategy lacks, and those that it does not use."""
    at = ("search", "trials")
    if search.strategy == "grid" and search.trials is not None:
        yield (
            at,
            f"a grid has all that its axes cross; a number of configurations goes with {', '.join(DRAWING_STRATEGIES)}",
        )
    if search.strategy != "grid" and search.trials is None:
        yield at, f"is required: the number of configurations that `strategy: {search.strategy}` is to draw"
    at = ("search", "generation")
    if search.strategy not in ADAPTIVE_STRATEGIES:
        if "generation" in search.model_fields_set:
            yield (
                at,
                f"{search.strategy} learns nothing on the way; generations go with {', '.join(ADAPTIVE_STRATEGIES)}",
            )
        return
    if search.strategy == "nsga2" and search.generation < 2:
        yield at, f"nsga2 crosses two parents, so at least 2; got {search.generation}"
    if not search.axes:
        yield ("search", "axes"), f"is required: there is nothing that `strategy: {search.strategy}` could vary"


def _check_certified(search: Search) -> Iterator[SpaceProblem]:
    """Yield what a certificate cannot cover."""
    replicates, at = search.replicates, ("search", "replicates")
    if not isinstance(replicates, CertifiedReplicates):
        return
    if isinstance(replicates.tolerance, dict) and set(replicates.tolerance) != set(search.objectives):
        found = ", ".join(replicates.tolerance)
        yield (*at, "tolerance"), f"one for each objective, {', '.join(search.objectives)}; got {found}"
    if search.constraints:
        yield at, "certified verdicts cover no constraints; remove `constraints`, or give a number of seeds"
    if search.stopping.stops:
        yield at, "certified verdicts are of whole trainings; remove `stopping`, or give a number of seeds"


def _check_cycle(axes: dict[str, Axis]) -> Iterator[SpaceProblem]:
    """Report axes whose conditions form a cycle, so that none of them could be drawn first."""
    try:
        TopologicalSorter({path: axis.when for path, axis in axes.items()}).prepare()
    except CycleError as error:
        cycle = error.args[1]
        yield ("search", "axes", cycle[0], "when"), f"conditions form a cycle: {' <- '.join(cycle)}"


TWO_STARTS = "trials start from the weights of the pretraining or from a file, not from both; remove one of the keys"


def find_ineffective_axis(axes: Sequence[str], trials: Sequence[PlannedTrial]) -> SpaceProblem | None:
    """Report two values of an axis that always give the same training, such as burn-ins after the last epoch."""
    for path in axes:
        groups: dict[Hashable, dict[str, str]] = {}
        for trial in trials:
            rest = (trial.replicate, *((name, label) for name, label in trial.axes.items() if name != path))
            if path in trial.axes:
                groups.setdefault(rest, {})[trial.axes[path]] = trial.final
        if alike := _find_equal_labels(list(groups.values())):
            return ("search", "axes", path), (
                f"{alike[0]} and {alike[1]} give the same training, stage by stage: the key has no effect there; "
                "drop a value"
            )
    return None


def _find_equal_labels(groups: Sequence[Mapping[str, str]]) -> tuple[str, str] | None:
    """Return two labels with the same training in every group that has both, and in at least one group.

    Not all pairs are compared.
    """
    finals: dict[str, dict[int, str]] = {}  # by label and group
    for i, group in enumerate(groups):
        for label, final in group.items():
            finals.setdefault(label, {})[i] = final
    for group in groups:
        same: dict[str, list[str]] = {}
        for label, final in group.items():
            same.setdefault(final, []).append(label)
        for labels in same.values():
            if len(labels) > 1 and (pair := _find_equal_pair(labels, finals)):
                return pair
    return None


def _find_equal_pair(labels: Sequence[str], finals: Mapping[str, Mapping[int, str]]) -> tuple[str, str] | None:
    """Return two of the labels that agree in every group that has both; the labels agree in one group already.

    Labels that occur in the same groups agree in all of them or differ.
    """
    first: dict[Hashable, str] = {}
    where: dict[frozenset[int], list[str]] = {}
    for label in labels:
        if (other := first.setdefault(frozenset(finals[label].items()), label)) != label:
            return other, label
        where.setdefault(frozenset(finals[label]), []).append(label)
    for some, others in combinations(where.values(), 2):
        for pair in product(some, others):
            common = finals[pair[0]].keys() & finals[pair[1]].keys()
            if all(finals[pair[0]][i] == finals[pair[1]][i] for i in common):
                return pair
    return None


def note_duplicate_trials(trials: Sequence[PlannedTrial]) -> str | None:
    """Note trials that are the same training as an earlier trial; the tree of stages trains them once."""
    first: dict[str, PlannedTrial] = {}
    again = [trial for trial in trials if first.setdefault(trial.final, trial) is not trial]
    if not again:
        return None
    example = f"{again[0].configuration} as {first[again[0].final].configuration}"
    return (
        f"{len(again)} of {len(trials)} trials are the same training as another ({example}) and cost nothing; "
        "limit an axis by `when` to have them once"
    )
