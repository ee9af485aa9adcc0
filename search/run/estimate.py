"""What a plan will cost: time from what its kin took before, storage from the sizes of its states."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapreplace
from typing import NamedTuple

import torch

from search.cluster.capacity import room
from search.exceptions import NoSweep
from search.execution.reuse import Remaining
from search.monitor.cost_model import CostKey, CostModel, Left, cost_key, estimate_time
from search.monitor.reader import SweepReader
from search.planning.plan import Plan, PlannedTrial
from search.schema.blocks import Keep
from search.schema.resources import Resources
from trainers.data import Data
from trainers.knobs import count
from trainers.record_io import Place, Row, digest
from trainers.sources import DataSource
from trainers.subsets import Random, Ranked, Subset

ENOUGH = 8  # trainings of a kind that are looked at in a sweep
BYTES_PER_INSTANCE = 15  # and epoch: loss 4, correct 1, kappa 1, p_y 2, feature norm 2, and copies
STATE_NUMBERS = 3 * 4  # bytes a parameter: weights, momentum and best weights, fp32
Sizes = dict[str, tuple[int, int, int, int]]  # data identity -> (N, channels, size, classes)


def measured_pace(results: Place) -> CostModel:
    """How long trainings took, of a few of every kind that is recorded under a results folder."""
    pace = CostModel()
    for folder in sorted(results.glob("*")):
        try:
            ledger = SweepReader(folder)
        except NoSweep:  # of another version, or none
            continue
        looked: Counter[CostKey] = Counter()
        for i in ledger.begun():
            entry, seen = ledger.entries[i], ledger.seen[i]
            if looked[entry.cost_key] < ENOUGH:
                ledger.look([i])
                pace.add(entry.cost_key, seen.billed)
                looked[entry.cost_key] += seen.billed.epochs > 0
    return pace


def time_estimate(plan: Plan, results: Place, remaining: Remaining) -> Left:
    """Seconds on one process for what remains, and how many trainings have no measured kin and are not in it."""
    pace, evaluation = measured_pace(results), plan.evaluation.model_dump(mode="json")
    kin_of: dict[str, CostKey] = {}
    for trial in plan.trials:
        if trial.configuration not in kin_of:
            kin_of[trial.configuration] = cost_key(trial.config.model_dump(mode="json"), evaluation)
    rest = zip(plan.trials, remaining.epochs, remaining.ended, strict=True)
    return estimate_time(pace, ((kin_of[trial.configuration], epochs, not ended) for trial, epochs, ended in rest))


def slots_here(resources: Resources) -> int:
    """How many trainings this machine runs at once, if it has memory enough; of a GPU to be measured, one on each."""
    return room({"CPU": os.cpu_count() or 1, "GPU": torch.cuda.device_count(), "memory": 2.0**60}, resources)


def unshared_makespan(plan: Plan, workers: int) -> int:
    """Epochs from start to end if every training went from scratch, the longest first, what others need before them."""
    free = [0] * workers
    for needs in (False, True):
        free = [max(free)] * workers
        for epochs in sorted((t.config.epochs for t in plan.trials if bool(t.requires) == needs), reverse=True):
            heapreplace(free, free[0] + epochs)
    return max(free)


class Storage(NamedTuple):
    """Bytes, as far as the data is here to know them."""

    at_once: int  # at most
    in_the_end: int


def storage_estimate(plan: Plan, sizes: Sizes, keep: Keep, workers: int) -> Storage | None:
    """Of states and per-instance arrays; None if none of the data is here."""
    known = [i for i, trial in enumerate(plan.trials) if trial.data in sizes]
    if not known:
        return None
    state, arrays = _states([plan.trials[i] for i in known], sizes), 0
    forks: dict[int, int] = {}  # by the name of the state
    for i in known:
        trial, (_, branch) = plan.trials[i], plan.tree.branches[i]
        recorded = trial.config.epochs + trial.config.epochs - int(branch)  # its own whole, its stages once for all
        arrays += recorded * sizes[trial.data][0] * BYTES_PER_INSTANCE
        forks |= {plan.tree.get_state(i, epoch): state[trial.id] for epoch in plan.tree.forks(i)}
    last, between = sum(state.values()), sum(forks.values())
    kept = {"none": 0, "best": last}.get(keep, last + between)
    busy = 3 * workers * max(state.values())  # the newest two of each training, and one that is being written
    return Storage(at_once=arrays + between + busy + (0 if keep == "none" else last), in_the_end=arrays + kept)


def _states(trials: Iterable[PlannedTrial], sizes: Sizes) -> dict[str, int]:
    """The bytes of a state of each training."""
    of_model: dict[str, int] = defaultdict(int)
    found = {}
    for trial in trials:
        _, channels, side, classes = sizes[trial.data]
        model: Row = trial.config.model.model_dump(mode="json")
        key = digest([model, channels, side, classes])
        if key not in of_model:
            with torch.device("meta"):
                network = trial.config.model.build(channels, side, classes)
            of_model[key] = STATE_NUMBERS * sum(parameter.numel() for parameter in network.parameters())
        found[trial.id] = of_model[key]
    return found


class Effort(NamedTuple):
    """Examples over all epochs that are to be trained, each as often as it is trained on."""

    used: int  # of the subsets
    whole: int  # were each epoch one of all


def effort(plan: Plan, data: Mapping[str, Data | None]) -> Effort | None:
    """What a plan trains on; None where that is not known before the data is here.

    `data`: of each block of data that is. Examples that are dropped in training count as trained on.
    """
    used = whole = 0
    for trial, epochs in zip(plan.trials, plan.tree.new_epochs.tolist(), strict=True):
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
