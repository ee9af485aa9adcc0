"""Measurements of what a training costs beside its steps: measuring, checkpoints, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from search.doctor.check import Check, Conditions, passed
from search.store.checkpoint_writer import copy_to_cpu
from search.store.segments import pack_state
from trainers.bench_time import Case
from trainers.config import Compute
from trainers.evaluate import Evaluation
from trainers.formatting import format_bytes, format_duration
from trainers.models import MODELS
from trainers.records import CostRecord
from trainers.trainer import Trainer

MODEL = "preact_resnet18"
BATCH, BATCH_ON_CPU = 128, 4
MEASURED, MEASURED_ON_CPU = 1024, 4  # images of each split
CIFAR_IMAGES = 11_000  # that a sweep on CIFAR-10 measures: 1,000 of validation and 10,000 of test


def check_costs(conditions: Conditions) -> Iterator[Check]:
    """Measure what an epoch of a PreAct ResNet-18 costs beside its steps."""
    trainer = build_trainer(conditions)
    if conditions.cuda:  # the first epoch chooses kernels
        trainer.run_epoch(trainer.config.stage(trainer.epoch))
    cost = trainer.run_epoch(trainer.config.stage(trainer.epoch)).cost
    yield describe_memory(cost, conditions.cuda)
    yield describe_measuring(cost, sum(map(len, trainer.splits.values())))
    yield measure_checkpoint(trainer)


def build_trainer(conditions: Conditions) -> Trainer:
    """Return a trainer of a PreAct ResNet-18 on random images, that measures as many as a batch of measuring has."""
    cuda = conditions.cuda
    compute = Compute(device=conditions.device, compile=False).resolved(cuda)  # type: ignore[arg-type]
    images, batch = (MEASURED, BATCH) if cuda else (MEASURED_ON_CPU, BATCH_ON_CPU)
    trainer = Case(MODELS[MODEL], batch, 3, 32, compute, conditions.threads).trainer("pgd-at", images // batch)
    trainer.evaluation = Evaluation(every=1, final={})
    return trainer


def describe_memory(cost: CostRecord, cuda: bool) -> Check:
    """Report the memory of a training that is measured after an epoch."""
    peak = cost["peak_memory"]
    whose = "of the GPU's, beside the driver's context" if cuda else "of its process, the libraries included"
    batch = BATCH if cuda else BATCH_ON_CPU
    return passed("memory of a trial", f"{format_bytes(peak)} {whose}: PreAct ResNet-18, batch {batch}", peak=peak,
                  batch=batch)  # fmt: skip


def describe_measuring(cost: CostRecord, images: int) -> Check:
    """Report the time of a measurement after an epoch: clean accuracy, and accuracy under PGD-10."""
    rate = images / cost["evaluate_seconds"]
    trained, whole = cost["images_per_s"], format_duration(CIFAR_IMAGES / rate)
    found = f"{rate:.4g} images/s clean and under PGD-10, {whole} for {CIFAR_IMAGES:,}; training {trained:.4g} images/s"
    return passed("measuring", found, images_per_s=rate, trained_images_per_s=trained)


def measure_checkpoint(trainer: Trainer, clock: Callable[[], float] = time.perf_counter) -> Check:
    """Measure how long a checkpoint stops a training, and how long a state is packed beside it."""
    began = clock()
    state = copy_to_cpu(trainer.state_dict())
    copied = clock()
    size = len(pack_state(state))
    packed = clock()
    return passed(
        "checkpoint", f"training waits {1e3 * (copied - began):.0f} ms; {format_bytes(size)} are packed beside it in "
        f"{1e3 * (packed - copied):.0f} ms, and then written", bytes=size, waits=copied - began, packs=packed - copied,
    )  # fmt: skip
