"""How many examples a sweep trains on: an epoch of a tenth of them costs a tenth of one of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from search.planning.plan import Plan
from trainers.data import Data
from trainers.knobs import count
from trainers.sources import DataSource
from trainers.subsets import Random, Ranked, Subset


class Effort(NamedTuple):
    """Examples over all epochs that are to be trained, each as often as it is trained on."""

    used: int  # of the subsets
    whole: int  # were each epoch one of all


def effort(plan: Plan, data: Mapping[str, Data | None]) -> Effort | None:
    """What a plan trains on; None where that is not known before the data is here.

    `data`: of each block of data that is. Examples that are dropped in training count as trained on.
    """
    used = whole = 0
    for trial, epochs in zip(plan.trials, plan.tree.adds.tolist(), strict=True):
        here = data.get(trial.data)
        n = len(here.train) if here else _published(trial.config.data)
        own = None if n is None else _used(trial.config.subset, n, here)
        if n is None or own is None:
            return None
        used, whole = used + epochs * own, whole + epochs * n
    return Effort(used, whole)


def _published(source: DataSource) -> int | None:
    """The size of the training split of a data set that is known by name."""
    examples: int | None = getattr(source, "examples", None)
    if examples is None:
        return None
    left = examples - (count(source.val, examples, "data.val") if source.holds_out else 0)
    return left if source.train is None else count(source.train, left, "data.train")


def _used(subset: Subset, n: int, data: Data | None) -> int | None:
    if isinstance(subset, Ranked) and data is not None:
        return subset.count_examples(data.train.y.numpy())
    if isinstance(subset, Ranked) and subset.plus is not None:
        return None
    if isinstance(subset, Ranked) and subset.band is not None:
        return round((subset.band[1] - subset.band[0]) * n)
    if isinstance(subset, Random | Ranked) and subset.size is not None:
        return count(subset.size, n, "subset.size")
    return n
