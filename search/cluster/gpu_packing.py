"""`gpus: auto`: how many trials share a GPU, from what one of them holds and how fast several are beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Annotated, TypedDict

import torch

from search.cluster.capacity import alive
from search.cluster.gpu_probe import Crowd, Measured
from search.cluster.node_report import NodeReport
from search.cluster.ray_cluster import connected
from search.exceptions import Infeasible
from search.planning.datasets import identify_source
from search.planning.plan import Plan, PlannedTrial
from search.ray_env import ray
from search.schema.resources import Resources
from trainers.arrays import Source
from trainers.chain import training_code
from trainers.checking import build_checker
from trainers.models import Model
from trainers.reading import read_json
from trainers.record_io import Place, Row, digest, sealed, write_json
from trainers.terminal.console import Console

GAIN = 0.10  # by which another copy must raise the images a second of all, to be kept
MARGIN = 0.10  # of the memory, kept free: trials do not all peak at once, and none may fail for want of a little
MOST = 1 + round(1 / GAIN)  # where even perfect packing gains no more than that
MODELS = 3  # of which the hungriest training is looked at


class _Trial(TypedDict):
    images_per_s: float
    memory: int


class _Known(TypedDict):
    """As packing.json has it: what was measured on which GPU, and how many copies to keep of it."""

    gpu: str
    memory: int
    copies: int
    measured: list[_Trial]


def _counted(known: _Known) -> str | None:
    return None if 1 <= known["copies"] <= len(known["measured"]) else "with as many copies as were measured"


_KNOWN = build_checker(Annotated[_Known, _counted])


def resolve_gpus(resources: Resources, address: str | None, console: Console) -> Resources:
    """Auto made none where no machine has a GPU, which the plan must know. Raises Infeasible if Ray is not reached."""
    if resources.gpus != "auto":
        return resources
    if not address:
        found = torch.cuda.is_available()
    else:
        with connected(address):
            found = any(node["Resources"].get("GPU") for node in alive())
    if not found:
        console.print("resources.gpus: auto: there is no GPU here; none is used.")
    return resources.resolve_auto(found)


def measure_gpu_share(
    plan: Plan, sources: Mapping[str, Source], resources: Resources, folder: Place, nodes: Sequence[NodeReport],
    console: Console,
) -> Resources:  # fmt: skip
    """Auto made a share of a GPU, measured where Ray is up, unless the sweep has measured it before.

    Raises Infeasible if no GPU comes free, or if one training fails on it alone.
    """
    if resources.gpus != "auto":
        return resources
    trainings = hungriest(plan.trials, sources)
    if not trainings:
        console.print("resources.gpus: auto: no trial computes on a GPU (trial.compute.device); none is used.")
        return resources.resolve_auto(False)
    node = min((node for node in nodes if node.gpus), key=_least)
    model, memory = node.gpus[0][0], _least(node)
    most = _by_cpus(node.ip, resources.cpus)
    asked: Row = {
        "gpu": model,
        "memory": memory,
        "at most": most,
        "training_code": training_code(),
        "trainings": [digest(_content(trial)) for trial in trainings],
    }
    path = folder / "packing.json"
    known = read_json(path, _KNOWN)
    if known is None or any(known.get(key) != value for key, value in asked.items()):
        console.print(f"resources.gpus: auto: measuring how many trials pay off on one {model} ...")
        try:
            measured = _measured(plan, trainings, sources, resources.cpus, most, memory, node.ip)
        except (ray.exceptions.RayError, TimeoutError) as error:
            why = str(error).strip().splitlines()[-1]
            raise Infeasible(f"resources.gpus: auto: a trial could not be tried alone on one {model}: {why}") from None
        known = asked | {"copies": keeps(measured, memory, most), "measured": [each._asdict() for each in measured]}
        write_json(path, sealed(known))
    console.print(_summary(known))
    return resources.share_gpus(known["copies"])


def _summary(known: Row) -> str:
    alone, together = (known["measured"][i]["images_per_s"] for i in (0, known["copies"] - 1))
    beside = f", {known['copies']} together {together:.4g}" if known["copies"] > 1 else ""
    holds, there = (size / 2**30 for size in (known["measured"][0]["memory"], known["memory"]))
    return (
        f"resources.gpus: auto: {known['copies']} to each {known['gpu']}; one alone trains {alone:.4g} images/s{beside}"
        f", and holds {holds:.3g} of {there:.3g} GB."
    )


def keeps(measured: Sequence[Measured], memory: int, most: int) -> int:
    """How many copies to keep of those measured, each with one more than the last: while they fit and the last paid."""
    kept = 1
    for before, after in pairwise(measured):
        if after.copies > fitting(measured, memory, most) or after.images_per_s < (1 + GAIN) * before.images_per_s:
            break
        kept = after.copies
    return kept


def fitting(measured: Sequence[Measured], memory: int, most: int) -> int:
    """How many copies fit, as far as is known."""
    return min(most, int((1 - MARGIN) * memory / max(each.memory for each in measured)))


def measure(crowd: Crowd, memory: int, most: int) -> list[Measured]:
    """Copies are added while they fit and pay."""
    measured = [crowd.grow()]
    while keeps(measured, memory, most) == len(measured) < fitting(measured, memory, most):
        try:
            measured.append(crowd.grow())
        except (ray.exceptions.RayError, TimeoutError):  # what no calculation foresaw: what was measured holds
            break
    return measured


def hungriest(trials: Sequence[PlannedTrial], sources: Mapping[str, Source]) -> list[PlannedTrial]:
    """Of each model the training on a GPU that keeps the most for its backward; of the hungriest few models."""
    found: dict[Model, tuple[int, PlannedTrial]] = {}
    for trial in trials:
        config, source = trial.config, sources[identify_source(trial.config.data)]
        if config.compute.device != "cuda":
            continue
        size, channels = source.x_train.shape[1], source.x_train.shape[-1]
        needs = kept_bytes(config.model, channels, size, source.classes) * config.batch_size * config.method.graphs
        if config.model not in found or needs > found[config.model][0]:
            found[config.model] = needs, trial
    return [trial for _, trial in sorted(found.values(), key=lambda it: -it[0])[:MODELS]]


@cache
def kept_bytes(model: Model, channels: int, size: int, classes: int) -> int:
    """What one image's forward keeps for its backward, in fp32; nothing is computed."""
    total = 0

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        whole = tensor if tensor._base is None else tensor._base
        if not isinstance(whole, torch.nn.Parameter):  # which is held once, however many images there are
            total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.device("meta"), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.build(channels, size, classes).eval()(torch.empty(1, channels, size, size))
    return total


def _measured(
    plan: Plan,
    trainings: Sequence[PlannedTrial],
    sources: Mapping[str, Source],
    cpus: int,
    most: int,
    memory: int,
    ip: str,
) -> list[Measured]:
    """Of the training that holds the most when it is alone."""

    def crowd(trial: PlannedTrial) -> Crowd:
        return Crowd(trial.config, plan.evaluation, sources[identify_source(trial.config.data)], cpus, most, ip)

    alone = []
    for trial in trainings if len(trainings) > 1 else ():
        with crowd(trial) as one:
            alone.append(one.grow().memory)
    with crowd(trainings[alone.index(max(alone)) if alone else 0]) as several:
        return measure(several, memory, most)


def _by_cpus(ip: str, cpus: int) -> int:
    """How many trials of a GPU's share of the node's CPUs there can be, at most as many as can ever pay."""
    node = next(
        it["Resources"] for it in alive() if it["Resources"].get("GPU") and ip in ("", it["NodeManagerAddress"])
    )
    return max(1, min(MOST, int(node["CPU"] / node["GPU"] / cpus)))


def _least(node: NodeReport) -> int:
    return min(memory for _, memory in node.gpus)


def _content(trial: PlannedTrial) -> Row:
    return trial.config.model_dump(mode="json", exclude={"seed"})
