"""What contradicts itself within a space, whatever the data: each problem is a path and a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from search.axes import impossible
from search.problems import nearest
from search.space import Space
from trainers.config import TrialConfig

if TYPE_CHECKING:
    from search.plan import Planned

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
            yield at, f"a grid search crosses listed values; {axis.kind} needs `strategy: random`"
        if root == "start_from" and space.pretrain is not None:
            yield at, TWO_STARTS
    for path, message in impossible(search.axes):
        yield ("search", "axes", path, "when"), message
    if (search.strategy == "random") != (search.trials is not None):
        yield ("search", "trials"), "is the number of points of a random search, and belongs only there"
    if "seed" in space.trial:
        yield ("trial", "seed"), "seeds are replicates: write `search: {replicates: [seed, ...]}`"
    if "start_from" in space.trial and space.pretrain is not None:
        yield ("trial", "start_from"), TWO_STARTS


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
