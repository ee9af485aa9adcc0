"""Measurements of copies of a training on one device at once, and of what `gpus: auto` chooses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import torch

from search.cluster.gpu_packing import choose_copies
from search.cluster.gpu_probe import CopiesMeasured, CopyGroup
from search.cluster.ray_cluster import connect
from search.doctor.check import Check, Conditions, describe_error, failed, passed
from search.exceptions import Infeasible
from search.ray_env import ray
from trainers.bench_time import acting
from trainers.config import Compute, TrialConfig
from trainers.evaluate import Evaluation
from trainers.formatting import format_bytes
from trainers.models import MODELS
from trainers.optimizers import SGD
from trainers.sources import Digits

COPIES = 4  # at most
SHOWN = (1, 2, 4)


def check_packing(conditions: Conditions) -> Iterator[Check]:
    """Measure 1 to 4 copies of a training at once; on CPUs as many as there are cores."""
    cores = len(os.sched_getaffinity(0))
    limit = max(1, min(COPIES, cores // conditions.threads))
    model = "preact_resnet18" if conditions.cuda else "digits_cnn"
    compute = Compute(device=conditions.device, compile=False).resolved(conditions.cuda)  # type: ignore[arg-type]
    data = Digits(test="20%")
    config = TrialConfig(data=data, model=MODELS[model], method=acting("pgd-at"), optimizer=SGD(lr=0.01),
                         epochs=100, compute=compute)  # fmt: skip
    evaluation = Evaluation(epsilon=0.1, final={})
    try:
        with connect(None), CopyGroup(config, evaluation, data.load(), conditions.threads, limit) as group:
            measured, trouble = measure_copies(group.add_copy, limit)
    except (Infeasible, TimeoutError, ray.exceptions.RayError) as error:
        yield _describe_failure(describe_error(error))
        return
    memory = torch.cuda.get_device_properties(0).total_memory if conditions.cuda else None
    yield judge_packing(model, measured, trouble, memory, limit)


def measure_copies(add_copy: Callable[[], CopiesMeasured], limit: int) -> tuple[list[CopiesMeasured], str]:
    """Add copies up to a limit. Return their measurements, and why a further one failed."""
    measured: list[CopiesMeasured] = []
    for _ in range(limit):
        try:
            measured.append(add_copy())
        except (ray.exceptions.RayError, TimeoutError) as error:
            return measured, str(error).strip().splitlines()[-1]
    return measured, ""


def judge_packing(
    model: str, measured: Sequence[CopiesMeasured], trouble: str, memory: int | None, limit: int
) -> Check:
    """Check that a copy runs, and report how much more several train; `memory` is that of the GPU, None on CPUs."""
    if not measured:
        return _describe_failure(trouble)
    alone = measured[0].images_per_s
    shown = ", ".join(
        f"{one.copies}: {one.images_per_s:.4g} images/s ({one.images_per_s / alone:.2f} x)"
        for one in measured
        if one.copies in SHOWN or one is measured[-1]
    )
    found = f"{model} in copies at once {shown}; a copy needs {format_bytes(measured[0].memory)}"
    chosen = choose_copies(measured, memory, limit) if memory else None
    more = " or more, as far as was measured" if chosen == COPIES else ""
    found += f"; `gpus: auto` packs {chosen}{more}" if chosen else ""
    found += f"; a further copy failed: {trouble}" if trouble else ""
    return passed("copies", found, measured=[one._asdict() for one in measured], packed=chosen)


def _describe_failure(why: str) -> Check:
    return failed("copies", why, "a training that runs alone on one device",
                  "mend what the message names; `resources: {gpus: 1}` packs nothing")  # fmt: skip
