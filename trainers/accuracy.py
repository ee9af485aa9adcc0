"""Accuracy on the images themselves or under attack, measured in eval mode without side effects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.losses import margin, predict_class
from trainers.step import Batch, Net, Precision

BROKEN = -torch.inf  # the margin of an example that is misclassified


def measure_accuracy(
    net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int | None = None, precision: Precision = "fp32"
) -> float:
    """Return the fraction of a split that is classified correctly in eval mode.

    The images are used as they are if `attack` is None, else as the attack changes them; `seed` fixes its draws.
    Without a batch size, `net.measured_at_once` images are measured at once. The attack computes in `precision`; what
    it ends in is judged in fp32. With keep worst it judges every point, and so computes in fp32, whatever the
    precision.
    """
    return int(find_correct(net, split, attack, seed, batch_size, precision).sum()) / len(split)


def predict_split(net: Net, split: Split, seed: int, batch_size: int | None = None) -> Tensor:
    """Return the class predicted for each image of a split in eval mode, (N,) int64; -1 where a logit is not finite."""
    size = batch_size or net.measured_at_once
    with evaluation_mode(net, seed):
        return torch.cat([_named(net, to_pixels(x)) for x in split.x.split(size)])


def find_correct(
    net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int | None = None, precision: Precision = "fp32"
) -> Tensor:
    """Return which examples of a split are classified correctly, (N,) bool; arguments as of `measure_accuracy`."""
    return find_margins(net, split, attack, seed, batch_size, precision) > BROKEN


def find_margins(
    net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int | None = None, precision: Precision = "fp32"
) -> Tensor:
    """Return the margin z_y - max_{k != y} z_k of each example, (N,), where the attack ends; arguments as above.

    It is BROKEN for an example that is misclassified there, or at any point that the attack judges.
    """
    size = batch_size or net.measured_at_once
    with evaluation_mode(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        batches = zip(split.x.split(size), split.y.split(size), strict=True)
        return torch.cat([_margins(net, Batch(to_pixels(x), y), attack, rng, precision) for x, y in batches])


def craft(net: Net, batch: Batch, attack: PGD, rng: Generator, precision: Precision) -> Tensor:
    """Return the last point of an attack that computes in a precision, (B, channels, H, W)."""
    with net.computing(precision):
        return attack(net, batch, rng).x


def _margins(net: Net, batch: Batch, attack: PGD | None, rng: Generator, precision: Precision) -> Tensor:
    """Return the margins of a batch, (B,), as `find_margins` does."""
    if attack is None:
        return _judged(net, batch)
    if attack.keep == "last":
        return _judged(net, Batch(craft(net, batch, attack, rng, precision), batch.y))
    margins = _judged(net, batch)
    survivors = (margins > BROKEN).nonzero().squeeze(1)  # an image misclassified as it is need not be attacked
    if len(survivors):
        found = attack(net, Batch(batch.x[survivors], batch.y[survivors]), rng)
        if found.survived is None:
            raise TypeError("an attack with keep worst must report which examples survived")
        ends = _judged(net, Batch(found.x, batch.y[survivors]))
        margins[survivors] = torch.where(found.survived, ends.clamp(min=0), BROKEN)
    return margins


@torch.no_grad()
def _judged(net: Net, batch: Batch) -> Tensor:
    """Return the margin of each example of a batch as it is, (B,); BROKEN if it is misclassified."""
    logits = net(batch.x)
    return torch.where(predict_class(logits) == batch.y, -margin(logits, batch.y), BROKEN)


@torch.no_grad()
def _named(net: Net, x: Tensor) -> Tensor:
    """Return the class predicted for each image, (B, channels, H, W) -> (B,) int64."""
    return predict_class(net(x))


@contextmanager
def evaluation_mode(net: Net, seed: int) -> Iterator[None]:
    """Put a network into eval mode, fp32 and without parameter gradients, under a random state seeded by `seed`.

    On leaving, the modes, the caller's random state and its tracer are restored: AutoAttack reseeds the global
    generator and removes the tracer (coverage, debuggers).
    """
    tracer = sys.gettrace()
    device = next(net.module.parameters()).device
    gpus = [device] if device.type == "cuda" else []  # unnamed, fork_rng warns where a process sees several
    with net.computing("fp32"), net.attacked("eval"), torch.random.fork_rng(gpus):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            sys.settrace(tracer)
