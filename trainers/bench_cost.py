"""The cost of a training step in FLOPs, a clock, and the measured peak of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainers.models import Model
from trainers.records import EpochRecord

CLASSES = 10
# Forwards and backwards of an example in the authors' code at K = 10: K steps of an attack and the update together.
AUTHORS: dict[str, tuple[int, int]] = {
    "standard": (1, 1), "fgsm-at": (2, 2), "fast-at": (2, 2), "free-at": (1, 1), "pgd-at": (13, 11),
    "trades": (23, 11), "mart": (12, 11), "fat": (12, 11), "gairat": (11, 11), "gair-fat": (12, 11),
    "gair-rst": (44, 21), "atta": (2, 2), "atta-reweight": (2, 2), "atta-adaptive": (2, 2), "finetune-kl": (12, 11),
    "n-fgsm": (2, 2), "gat": (4, 2), "nuat": (4, 2), "fgsm-pgi": (2, 2), "iat": (34, 31), "self-adaptive": (22, 11),
    "targeted": (11, 11),
}  # fmt: skip


class Flops(NamedTuple):
    """FLOPs of one image: two for each multiply-add of convolutions and matrix products, none for the rest."""

    forward: int
    to_input: int  # a backward that ends at the image
    to_weights: int  # a backward that ends at the weights: twice a forward, less the first layer's input gradient

    def of_step(self, row: EpochRecord, graphs: int) -> float:
        """Return the useful FLOPs for an image of an epoch's updates, from the passes in its row, counted in examples.

        graphs: forwards that the training backward goes back through. Further work of an implementation, such as
        weight gradients during an attack, earns no credit.
        """
        attack = row["backwards"] - row["examples"]
        passes = row["forwards"] * self.forward + attack * self.to_input + graphs * row["examples"] * self.to_weights
        return passes / row["examples"]


def counted(model: Model, channels: int, size: int) -> Flops:
    """Count on the meta device, which computes nothing. Raises ValueError if the images do not fit the model."""
    with torch.device("meta"):
        network, x = model.build(channels, size, CLASSES).eval(), torch.empty(1, channels, size, size)
    forward = _counted(lambda: network(x))
    to_weights = _counted(lambda: network(x).sum().backward()) - forward
    network.requires_grad_(False)
    return Flops(forward, _counted(lambda: network(x.requires_grad_()).sum().backward()) - forward, to_weights)


def _counted(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


class Clock:
    """A clock: CPU time if one thread computes, which ignores what else the machine runs; otherwise wall time."""

    def __init__(self, device: torch.device, threads: int) -> None:
        self.device = device
        self.busy = device.type == "cpu" and threads == 1
        self.name = "CPU time of the process" if self.busy else "wall time"

    def time(self, run: Callable[[], object]) -> float:
        """Return the seconds that `run` takes."""
        began = self._now()
        run()
        return self._now() - began

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.process_time() if self.busy else time.perf_counter()


class Peak(NamedTuple):
    flops: float  # a second
    by: str  # which kernel reached it


def measured_peak(clock: Clock, bf16: bool, rounds: int = 8) -> Peak:
    """Return the best speed of large convolutions and matrix products, at the same threads and precision."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    batch, side = (1024, 8192) if clock.device.type == "cuda" else (32, 1024)
    peaks = [_convolution(clock, dtype, batch, width, rounds) for width in (64, 128, 256)]
    return max(*peaks, _product(clock, dtype, side, rounds))


def _convolution(clock: Clock, dtype: torch.dtype, batch: int, width: int, rounds: int) -> Peak:
    size = 2048 // width  # the stages of a ResNet at 32x32: 64 channels at 32x32, 256 at 8x8
    layer = nn.Conv2d(width, width, 3, padding=1, bias=False, device=clock.device, dtype=dtype)
    layer = layer.to(memory_format=torch.channels_last)
    x = torch.randn(batch, width, size, size, device=clock.device, dtype=dtype).to(memory_format=torch.channels_last)
    flops = 2 * batch * size**2 * width**2 * 9
    return Peak(flops / _best(clock, lambda: layer(x), rounds), f"3x3 convolution, {width} channels, {size}x{size}")


def _product(clock: Clock, dtype: torch.dtype, side: int, rounds: int) -> Peak:
    a = torch.randn(side, side, device=clock.device, dtype=dtype)
    return Peak(2 * side**3 / _best(clock, lambda: a @ a, rounds), f"matrix product {side}x{side}")


@torch.no_grad()
def _best(clock: Clock, kernel: Callable[[], Tensor], rounds: int) -> float:
    repeats = 20 if clock.device.type == "cuda" else 1  # hides the cost of launching
    kernel()
    return min(clock.time(lambda: [kernel() for _ in range(repeats)]) for _ in range(rounds)) / repeats
