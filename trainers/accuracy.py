"""Who is classified correctly, on the images themselves or under attack: verdicts in eval mode that leave no trace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.data import Split, pixels
from trainers.losses import named
from trainers.step import Batch, Net


def accuracy(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> float:
    """The share of a split classified correctly, on the images (attack None) or under attack; eval mode."""
    return int(correct(net, split, attack, seed, batch_size).sum()) / len(split)


def predicted(net: Net, split: Split, seed: int, batch_size: int = 512) -> Tensor:
    """The class named for each image of a split in eval mode, (N,) int64; -1 where a logit is not finite."""
    with undisturbed(net, seed):
        return torch.cat([_named(net, pixels(x)) for x in split.x.split(batch_size)])


def correct(net: Net, split: Split, attack: PGD | None, seed: int, batch_size: int = 512) -> Tensor:
    """Which examples of a split are classified correctly, (N,) bool; as `accuracy`."""
    with undisturbed(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        batches = zip(split.x.split(batch_size), split.y.split(batch_size), strict=True)
        return torch.cat([_right(net, Batch(pixels(x), y), attack, rng) for x, y in batches])


def _right(net: Net, batch: Batch, attack: PGD | None, rng: Generator) -> Tensor:
    """(B,) bool: who is still classified correctly."""
    if attack is None:
        return right_on(net, batch)
    if attack.keep == "last":
        return right_on(net, Batch(attack(net, batch, rng).x, batch.y))
    right = right_on(net, batch)
    survivors = right.nonzero().squeeze(1)  # who is wrong on the image itself need not be attacked
    if len(survivors):
        survived = attack(net, Batch(batch.x[survivors], batch.y[survivors]), rng).survived
        if survived is None:
            raise TypeError("an attack that keeps the worst looks at every point")
        right[survivors] = survived
    return right


def right_on(net: Net, batch: Batch) -> Tensor:
    return _named(net, batch.x) == batch.y


@torch.no_grad()
def _named(net: Net, x: Tensor) -> Tensor:
    """(B, channels, H, W) -> (B,)"""
    return named(net(x))


@contextmanager
def undisturbed(net: Net, seed: int) -> Iterator[None]:
    """Measure without a trace: eval mode, fp32, no parameter gradients, the caller's random state and tracer restored.

    AutoAttack reseeds the global generator and removes the tracer (coverage, debuggers).
    """
    tracer = sys.gettrace()
    with net.exact(), net.attacked("eval"), torch.random.fork_rng(enabled=True):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            sys.settrace(tracer)
