"""The cost of a plan: the time by comparable trainings that were measured or by a probe, the storage by its states."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch

from search.cluster.capacity import count_fitting
from search.exceptions import NoSweep
from search.execution.reuse import RemainingWork
from search.monitor.cost_model import CostKey, CostModel, TimeLeft, cost_key
from search.monitor.probe import probe_costs
from search.monitor.reader import SweepReader
from search.planning.datasets import count_training_examples
from search.planning.plan import Plan, PlannedTrial
from search.schema.blocks import Keep
from search.schema.resources import Resources
from trainers.data import Data
from trainers.knobs import count
from trainers.plain_subsets import Random
from trainers.ranked_subsets import Ranked
from trainers.record_io import Place, Row, digest
from trainers.subsets import Subset

MAX_SAMPLES = 8  # trainings of one cost key that are read in each sweep
BYTES_PER_INSTANCE = 15  # and epoch: loss 4, correct 1, kappa 1, p_y 2, feature norm 2, and copies
STATE_NUMBERS = 3 * 4  # bytes a parameter: weights, momentum and best weights, fp32
DataSizes = dict[str, tuple[int, int, int, int]]  # data identity -> (N, channels, size, classes)


def measure_costs(results: Place) -> CostModel:
    """Return the costs of a few trainings of every cost key recorded under a results folder."""
    cost_model = CostModel()
    for folder in sorted(results.glob("*")):
        try:
            reader = SweepReader(folder)
        except NoSweep:  # no sweep, or one of another version
            continue
        sampled: Counter[CostKey] = Counter()
        for i in reader.list_begun():
            key, progress = reader.planned[i].cost_key, reader.progress[i]
            if sampled[key] < MAX_SAMPLES:
                reader.read_records([i])
                cost_model.add_costs(key, progress.comparable)
                sampled[key] += progress.billed.epochs > 0
    return cost_model


def estimate_remaining_time(
    plan: Plan, results: Place, remaining: RemainingWork, datas: Mapping[str, Data] | None = None
) -> TimeLeft:
    """Return the seconds that the rest of a plan takes on one process.

    A training of which a part has no comparable one under `results` is probed on this machine if its data is loaded;
    `datas` maps the identity of each data block to its splits. Otherwise it is counted and left out.
    """
    cost_model, evaluation = measure_costs(results), plan.evaluation.model_dump(mode="json")
    keys: dict[str, CostKey] = {}
    for trial in plan.trials:
        if trial.configuration not in keys:
            keys[trial.configuration] = cost_key(trial.to_row(), evaluation)
    rest = list(zip(plan.trials, remaining.epochs, remaining.ended, strict=True))
    unknown = [trial for trial, _, ended in rest if not ended and not cost_model.is_recorded(keys[trial.configuration])]
    for configuration, costs in (probe_costs(plan, unknown, datas) if datas else {}).items():
        cost_model.add_probed(keys[configuration], costs)
    return cost_model.estimate((keys[trial.configuration], epochs, not ended) for trial, epochs, ended in rest)


def count_local_slots(resources: Resources) -> int:
    """Return how many trials run at once on this machine, if memory suffices; `gpus: auto` counts one on each GPU."""
    here = {"CPU": os.cpu_count() or 1, "GPU": torch.cuda.device_count(), "memory": 2.0**60}
    return count_fitting(here, resources)


class Storage(NamedTuple):
    """Bytes of a sweep, as far as its data is loaded and the sizes known."""

    at_once: int  # at most
    in_the_end: int


def estimate_storage(plan: Plan, sizes: DataSizes, keep: Keep, workers: int) -> Storage | None:
    """Return the bytes of states and per-instance arrays, or None if none of the data is loaded."""
    known = [i for i, trial in enumerate(plan.trials) if trial.data in sizes]
    if not known:
        return None
    state, arrays = _measure_states([plan.trials[i] for i in known], sizes), 0
    forks: dict[int, int] = {}  # by the name of the state
    for i in known:
        trial, (_, branch) = plan.trials[i], plan.tree.branches[i]
        recorded = trial.config.epochs + trial.config.epochs - int(branch)  # all in the trial, unshared ones in stages
        arrays += recorded * sizes[trial.data][0] * BYTES_PER_INSTANCE
        forks |= {plan.tree.get_state(i, epoch): state[trial.id] for epoch in plan.tree.forks(i)}
    last, between = sum(state.values()), sum(forks.values())
    kept = {"none": 0, "best": last}.get(keep, last + between)
    busy = 3 * workers * max(state.values())  # the newest two of each running training, and one that is being written
    return Storage(at_once=arrays + between + busy + (0 if keep == "none" else last), in_the_end=arrays + kept)


def _measure_states(trials: Iterable[PlannedTrial], sizes: DataSizes) -> dict[str, int]:
    """Return the bytes of a state of each training."""
    by_model: dict[str, int] = defaultdict(int)
    found = {}
    for trial in trials:
        _, channels, side, classes = sizes[trial.data]
        model: Row = trial.config.model.model_dump(mode="json")
        key = digest([model, channels, side, classes])
        if key not in by_model:
            with torch.device("meta"):
                network = trial.config.model.build(channels, side, classes)
            by_model[key] = STATE_NUMBERS * sum(parameter.numel() for parameter in network.parameters())
        found[trial.id] = by_model[key]
    return found


class ExampleCounts(NamedTuple):
    """Training examples summed over all epochs that a plan trains; an example counts once in each epoch."""

    used: int  # in the subsets
    whole: int  # if each epoch used all examples


def count_examples(plan: Plan, data: Mapping[str, Data | None]) -> ExampleCounts | None:
    """Count the examples that a plan trains on; None if a number is unknown until the data is loaded.

    `data` maps the identity of each data block to its splits, if they are loaded. Examples that are dropped during
    training count as used.
    """
    used = whole = 0
    for trial, new in zip(plan.trials, plan.tree.new_epochs.tolist(), strict=True):
        splits = data.get(trial.data)
        total = len(splits.train) if splits else count_training_examples(trial.config.data)
        chosen = None if total is None else _count_subset(trial.config.subset, total, splits)
        if total is None or chosen is None:
            return None
        epochs = trial.config.epochs
        late = min(new, epochs - trial.config.subset.begins(epochs))  # of the new epochs, which are the last
        used, whole = used + late * chosen + (new - late) * total, whole + new * total
    return ExampleCounts(used, whole)


def _count_subset(subset: Subset, total: int, data: Data | None) -> int | None:
    """Return the number of examples in a subset of `total`; None if it depends on labels that are not loaded."""
    if isinstance(subset, Ranked) and data is not None:
        return subset.count_examples(data.train.y.numpy())
    if isinstance(subset, Ranked) and subset.plus is not None:
        return None
    if isinstance(subset, Ranked) and subset.band is not None:
        return round((subset.band[1] - subset.band[0]) * total)
    if isinstance(subset, Random | Ranked) and subset.size is not None:
        return count(subset.size, total, "subset.size")
    return total
