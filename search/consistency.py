"""What contradicts itself within a space, whatever the data: each problem is a path and a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from search.axes import Axis, impossible
from search.problems import nearest
from search.replicates import Adaptive
from search.space import ADAPTIVE, STRATEGIES, Search, Space
from trainers.config import TrialConfig

if TYPE_CHECKING:
    from search.plan import Planned

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
    if search.budget.gpu_hours is not None and not space.resources.gpus:
        yield ("search", "budget", "gpu_hours"), "no training asks for a GPU (resources: {gpus: 0}); use wall or epochs"
    if isinstance(search.replicates, Adaptive) and len(search.objectives) < 2:
        yield ("search", "replicates"), "are spent where a front is in doubt, which takes two objectives; give a number"
    if "seed" in space.trial:
        yield ("trial", "seed"), "seeds are replicates: write `search: {replicates: [seed, ...]}`"
    if "start_from" in space.trial and space.pretrain is not None:
        yield ("trial", "start_from"), TWO_STARTS


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


def _ring(axes: dict[str, Axis]) -> Iterator[Problem]:
    """Axes that wait for one another, so that none of them could be drawn first."""
    try:
        TopologicalSorter({path: axis.conditions() for path, axis in axes.items()}).prepare()
    except CycleError as error:
        ring = error.args[1]
        yield ("search", "axes", ring[0], "when"), f"axes wait for one another: {' <- '.join(ring)}"


TWO_STARTS = "trials start from the weights of the pretraining or from a file, not from both; remove one of the keys"


def twins(axes: Sequence[str], trials: Sequence[Planned]) -> Problem | None:
    """A knob that changes no stage of any trial is a mistake, such as a burn-in behind the last epoch."""
    seen: dict[str, Planned] = {}
    for trial in trials:
        twin = seen.setdefault(trial.final, trial)
        if twin is not trial:
            moved = [path for path in axes if twin.axes.get(path) != trial.axes.get(path)]
            path = moved[0] if moved else "axes"
            return ("search", "axes", path), (
                f"{twin.axes.get(path)} and {trial.axes.get(path)} give the same training, stage by stage"
                f" ({trial.configuration}): the knob has no effect there; drop a value, or limit the axis by `when`"
            )
    return None
