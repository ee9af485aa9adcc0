"""Measurements of a training step: images/s, its counted FLOPs, and the share of the device's measured peak."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import torch

from search.doctor.check import Check, Conditions, passed
from trainers.bench_cost import Clock, Peak, counted, measured_peak
from trainers.bench_time import Case, timed
from trainers.config import Compute
from trainers.formatting import format_duration
from trainers.models import MODELS
from trainers.trainer import configure

ROUNDS, ROUNDS_ON_CPU = 5, 2
PEAK_ROUNDS = 3
IMAGES = 50_000  # of an epoch of CIFAR-10


class TimedModel(NamedTuple):
    """A network that is timed, on 32x32 images, and its batch sizes."""

    label: str
    model: str
    batch: int
    batch_on_cpu: int  # one step takes seconds there


TIMED = (TimedModel("small network", "small_cnn", 128, 32), TimedModel("PreAct ResNet-18", "preact_resnet18", 128, 4))


def check_speed(conditions: Conditions) -> Iterator[Check]:
    """Measure the peak of the device, and training steps of a small and a usual network under PGD-10."""
    configure(True, conditions.threads)
    clock = Clock(torch.device(conditions.device), conditions.threads)
    peaks = measure_peaks(clock)
    yield describe_peaks(peaks)
    compute = Compute(device=conditions.device, compile=False)  # type: ignore[arg-type]
    compute = compute.resolved(conditions.cuda)
    ways = (compute, compute.model_copy(update={"compile": True})) if conditions.cuda else (compute,)
    for way in ways:  # compiling takes minutes
        for timed_model in TIMED:
            yield time_step(timed_model, way, clock, peaks[str(way.precision)])


def measure_peaks(clock: Clock) -> dict[str, Peak]:
    """Return the measured peak by precision; TF32 is a precision of GPUs alone."""
    peaks = {}
    for precision in ("fp32", "tf32", "bf16") if clock.device.type == "cuda" else ("fp32", "bf16"):
        with _tf32(precision == "tf32"):
            peaks[precision] = measured_peak(clock, precision == "bf16", PEAK_ROUNDS)
    return peaks


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Let products and convolutions in fp32 use TF32, or none."""
    was = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = was


def describe_peaks(peaks: dict[str, Peak]) -> Check:
    """Report the peaks in FLOP/s."""
    shown = ", ".join(f"{_name(precision)} {format_flops(peak.flops)}" for precision, peak in peaks.items())
    values = {precision: {"flops": peak.flops, "by": peak.by} for precision, peak in peaks.items()}
    return passed("measured peak", shown, **values)


def _name(precision: str) -> str:
    return precision if precision == "bf16" else precision.upper()


def format_flops(flops: float) -> str:
    """Return FLOP/s in words."""
    return f"{flops / 1e12:.3g} TFLOP/s" if flops >= 1e12 else f"{flops / 1e9:.3g} GFLOP/s"


def time_step(timed_model: TimedModel, compute: Compute, clock: Clock, peak: Peak) -> Check:
    """Time the steps of PGD training with K = 10 on a network, and compare their FLOPs with the peak."""
    cuda = clock.device.type == "cuda"
    model, batch = MODELS[timed_model.model], timed_model.batch if cuda else timed_model.batch_on_cpu
    flops = counted(model, 3, 32)
    case = Case(model, batch, 3, 32, compute, torch.get_num_threads())
    (timing,) = timed(case, ["pgd-at"], ROUNDS if cuda else ROUNDS_ON_CPU, False, flops, clock)
    speeds = [timing.images / seconds for seconds in timing.seconds]
    rate, share = median(speeds), timing.flops * median(speeds) / peak.flops
    how = f"{compute.precision}, {'compiled' if compute.compile else 'eager'}"
    found = (
        f"{rate:.4g} images/s [{min(speeds):.4g}..{max(speeds):.4g}] in batches of {batch}, {how}: {share:.0%} of the "
        f"peak, by {timing.flops / 1e9:.3g} GFLOP an image; {format_duration(IMAGES / rate)} for {IMAGES:,} images"
    )
    name = f"{timed_model.label}{', compiled' if compute.compile else ''}"
    return passed(name, found, images_per_s=rate, least=min(speeds), most=max(speeds), batch=batch, share=share,
                  flops_per_image=timing.flops, precision=compute.precision, compiled=compute.compile)  # fmt: skip
