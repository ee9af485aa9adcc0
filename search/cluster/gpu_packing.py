"""`gpus: auto`: the number of trials that share a GPU, from the memory of one and the throughput of several at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, TypedDict

import torch

from search.cluster.capacity import list_live_nodes
from search.cluster.gpu_probe import CopiesMeasured, CopyGroup
from search.cluster.node_report import NodeReport
from search.cluster.ray_cluster import connect
from search.exceptions import Infeasible
from search.planning.datasets import identify_source
from search.planning.plan import Plan, PlannedTrial
from search.ray_env import ray
from search.schema.resources import Resources
from trainers.arrays import Source
from trainers.checking import build_checker
from trainers.models import Model
from trainers.record_io import Place, Row, digest, sealed, write_json
from trainers.record_reader import read_json
from trainers.saved_bytes import count_saved_bytes
from trainers.state_chain import training_code
from trainers.terminal.console import Console

MIN_GAIN = 0.10  # a further copy must raise the images per second of all copies by this fraction
MEMORY_MARGIN = 0.10  # of the memory stays free: trials do not all peak at once, and none may run out of memory
MAX_COPIES = 1 + round(1 / MIN_GAIN)  # with more copies even perfect packing gains less than that
MAX_MODELS = 3  # of which the largest training is measured


class _MeasurementRecord(TypedDict):
    images_per_s: float
    memory: int


class _PackingRecord(TypedDict):
    """The content of packing.json: what was measured on which GPU, and how many copies to run on it."""

    gpu: str
    memory: int
    copies: int
    measured: list[_MeasurementRecord]


def _explain_copies(record: _PackingRecord) -> str | None:
    return None if 1 <= record["copies"] <= len(record["measured"]) else "with as many copies as were measured"


_check_packing = build_checker(Annotated[_PackingRecord, _explain_copies])


def resolve_gpus(resources: Resources, address: str | None, console: Console) -> Resources:
    """Resolve `gpus: auto` to 0 if no machine has a GPU, as the plan depends on it. Raises Infeasible without Ray."""
    if resources.gpus != "auto":
        return resources
    if not address:
        found = torch.cuda.is_available()
    else:
        with connect(address):
            found = any(node["Resources"].get("GPU") for node in list_live_nodes())
    if not found:
        console.print("resources.gpus: auto: there is no GPU here; none is used.")
    return resources.resolve_auto(found)


def measure_gpu_share(
    plan: Plan, sources: Mapping[str, Source], resources: Resources, folder: Place, nodes: Sequence[NodeReport],
    console: Console,
) -> Resources:  # fmt: skip
    """Resolve `gpus: auto` to a share of a GPU, measured unless the sweep has measured it before. Ray must be up.

    Raises Infeasible if no GPU comes free, or if a training fails alone on a GPU.
    """
    if resources.gpus != "auto":
        return resources
    trainings = select_largest(plan.trials, sources)
    if not trainings:
        console.print("resources.gpus: auto: no trial computes on a GPU (trial.compute.device); none is used.")
        return resources.resolve_auto(False)
    node = min((node for node in nodes if node.gpus), key=_smallest_memory)
    model, memory = node.gpus[0][0], _smallest_memory(node)
    limit = _limit_by_cpus(node.ip, resources.cpus)
    inputs: Row = {
        "gpu": model,
        "memory": memory,
        "at most": limit,
        "training_code": training_code(),
        "trainings": [digest(_dump_config(trial)) for trial in trainings],
    }
    path = folder / "packing.json"
    record = read_json(path, _check_packing)
    if record is None or any(record.get(key) != value for key, value in inputs.items()):
        console.print(f"resources.gpus: auto: measuring how many trials to run on one {model} ...")
        try:
            measured = _measure_largest(plan, trainings, sources, resources.cpus, limit, memory, node.ip)
        except (ray.exceptions.RayError, TimeoutError) as error:
            why = str(error).strip().splitlines()[-1]
            raise Infeasible(f"resources.gpus: auto: a trial could not be tried alone on one {model}: {why}") from None
        copies = choose_copies(measured, memory, limit)
        record = inputs | {"copies": copies, "measured": [one._asdict() for one in measured]}
        write_json(path, sealed(record))
    console.print(_format_summary(record))
    return resources.share_gpus(record["copies"])


def _format_summary(record: Row) -> str:
    alone, together = (record["measured"][i]["images_per_s"] for i in (0, record["copies"] - 1))
    beside = f", {record['copies']} together {together:.4g}" if record["copies"] > 1 else ""
    needs, total = (size / 2**30 for size in (record["measured"][0]["memory"], record["memory"]))
    return (
        f"resources.gpus: auto: {record['copies']} on each {record['gpu']}; one alone trains {alone:.4g} images/s"
        f"{beside}, and needs {needs:.3g} of {total:.3g} GB."
    )


def choose_copies(measured: Sequence[CopiesMeasured], memory: int, limit: int) -> int:
    """Return how many copies to run, given measurements of 1, 2, ... copies.

    A copy is added while all fit and it raises the throughput by MIN_GAIN. `limit` bounds the number in any case.
    """
    chosen, fitting = 1, limit_copies(measured, memory, limit)
    for before, after in pairwise(measured):
        if after.copies > fitting or after.images_per_s < (1 + MIN_GAIN) * before.images_per_s:
            break
        chosen = after.copies
    return chosen


def limit_copies(measured: Sequence[CopiesMeasured], memory: int, limit: int) -> int:
    """Return how many copies fit into the memory, as far as is known, and are within `limit`."""
    return min(limit, int((1 - MEMORY_MARGIN) * memory / max(one.memory for one in measured)))


def measure_copies(group: CopyGroup, memory: int, limit: int) -> list[CopiesMeasured]:
    """Measure 1, 2, ... copies for as long as a further one could be chosen."""
    measured = [group.add_copy()]
    while choose_copies(measured, memory, limit) == len(measured) < limit_copies(measured, memory, limit):
        try:
            measured.append(group.add_copy())
        except (ray.exceptions.RayError, TimeoutError):  # it needs more than was calculated; the others are measured
            break
    return measured


def select_largest(trials: Sequence[PlannedTrial], sources: Mapping[str, Source]) -> list[PlannedTrial]:
    """Return the trainings that save the most bytes for the backward pass, one of each model, of the largest models.

    Trainings that do not compute on a GPU are left out.
    """
    largest: dict[Model, tuple[int, PlannedTrial]] = {}
    for trial in trials:
        config, source = trial.config, sources[identify_source(trial.config.data)]
        if config.compute.device != "cuda":
            continue
        size, channels = source.x_train.shape[1], source.x_train.shape[-1]
        per_image = count_saved_bytes(config.model, channels, size, source.classes)
        needs = per_image * config.batch_size * config.method.graphs
        if config.model not in largest or needs > largest[config.model][0]:
            largest[config.model] = needs, trial
    return [trial for _, trial in sorted(largest.values(), key=lambda pair: -pair[0])[:MAX_MODELS]]


def _measure_largest(
    plan: Plan,
    trainings: Sequence[PlannedTrial],
    sources: Mapping[str, Source],
    cpus: int,
    limit: int,
    memory: int,
    ip: str,
) -> list[CopiesMeasured]:
    """Measure copies of the training that needs the most memory when it is alone."""

    def open_group(trial: PlannedTrial) -> CopyGroup:
        return CopyGroup(trial.config, plan.evaluation, sources[identify_source(trial.config.data)], cpus, limit, ip)

    alone = []
    for trial in trainings if len(trainings) > 1 else ():
        with open_group(trial) as group:
            alone.append(group.add_copy().memory)
    with open_group(trainings[alone.index(max(alone)) if alone else 0]) as group:
        return measure_copies(group, memory, limit)


def _limit_by_cpus(ip: str, cpus: int) -> int:
    """Return how many trials the CPUs of a node suffice for on each of its GPUs, at most MAX_COPIES."""
    node = next(
        node["Resources"]
        for node in list_live_nodes()
        if node["Resources"].get("GPU") and ip in ("", node["NodeManagerAddress"])
    )
    return max(1, min(MAX_COPIES, int(node["CPU"] / node["GPU"] / cpus)))


def _smallest_memory(node: NodeReport) -> int:
    return min(memory for _, memory in node.gpus)


def _dump_config(trial: PlannedTrial) -> Row:
    return trial.config.model_dump(mode="json", exclude={"seed"})
