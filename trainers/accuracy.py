"""Accuracy on the images themselves or under attack, measured in eval mode without side effects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.losses import predict_class
from trainers.step import Batch, Net


def measure_accuracy(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> float:
    """Return the fraction of a split that is classified correctly in eval mode.

    The images are used as they are if `attack` is None, else as the attack changes them; `seed` fixes its draws.
    """
    return int(find_correct(net, split, attack, seed, batch_size).sum()) / len(split)


def predict_split(net: Net, split: Split, seed: int, batch_size: int = 512) -> Tensor:
    """Return the class predicted for each image of a split in eval mode, (N,) int64; -1 where a logit is not finite."""
    with evaluation_mode(net, seed):
        return torch.cat([_named(net, to_pixels(x)) for x in split.x.split(batch_size)])


def find_correct(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> Tensor:
    """Return which examples of a split are classified correctly, (N,) bool; arguments as of `measure_accuracy`."""
    with evaluation_mode(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        batches = zip(split.x.split(batch_size), split.y.split(batch_size), strict=True)
        return torch.cat([_right(net, Batch(to_pixels(x), y), attack, rng) for x, y in batches])


def _right(net: Net, batch: Batch, attack: PGD | None, rng: Generator) -> Tensor:
    """Return which examples of a batch are still classified correctly, (B,) bool."""
    if attack is None:
        return is_correct(net, batch)
    if attack.keep == "last":
        return is_correct(net, Batch(attack(net, batch, rng).x, batch.y))
    right = is_correct(net, batch)
    survivors = right.nonzero().squeeze(1)  # an image that is misclassified as it is need not be attacked
    if len(survivors):
        survived = attack(net, Batch(batch.x[survivors], batch.y[survivors]), rng).survived
        if survived is None:
            raise TypeError("an attack with keep worst must report which examples survived")
        right[survivors] = survived
    return right


def is_correct(net: Net, batch: Batch) -> Tensor:
    """Return which examples of a batch are classified correctly as they are, (B,) bool."""
    return _named(net, batch.x) == batch.y


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
    with net.exact(), net.attacked("eval"), torch.random.fork_rng(gpus):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            sys.settrace(tracer)
