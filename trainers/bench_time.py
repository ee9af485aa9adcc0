"""Timing of training steps: the trainer's own epochs on random images, and the plain loop beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from trainers.averaging import Average
from trainers.bench_cost import CLASSES, Clock, Flops
from trainers.bench_plain import Plain
from trainers.config import Compute, TrialConfig
from trainers.data import Data, Split, compute_mean_std
from trainers.evaluate import Evaluation
from trainers.methods import METHODS, AnyMethod
from trainers.models import Model
from trainers.optimizers import SGD
from trainers.records import EpochRecord
from trainers.sources import Npz
from trainers.trainer import Trainer

NEVER = 10**5  # epochs: no round is the last or has a measurement due


class Case(NamedTuple):
    """The conditions of a timing."""

    model: Model
    batch: int
    channels: int
    size: int
    compute: Compute  # resolved
    threads: int

    def trainer(self, method: str | AnyMethod, steps: int, average: Average | None = None) -> Trainer:
        """Return a trainer whose epoch is so many steps on random images; a method's name means it late in training."""
        config = TrialConfig(
            data=Npz(path="random", crop=self.size // 8, flip=True),
            model=self.model,
            method=acting(method) if isinstance(method, str) else method,
            average=average,
            optimizer=SGD(lr=0.01),  # labels are random: a larger step might diverge
            batch_size=self.batch,
            epochs=NEVER,
            compute=self.compute,
        )
        return Trainer(config, Evaluation(every=NEVER), self._data(self.batch * steps), None, self.threads)

    def _data(self, n: int) -> Data:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (n, self.size, self.size, self.channels), dtype=np.uint8)
        y = np.arange(n) % CLASSES
        split = Split(torch.from_numpy(np.moveaxis(x, -1, 1).copy()), torch.from_numpy(y))
        mean, std = compute_mean_std(x)
        return Data(split, split, split, y, np.arange(n), CLASSES, tuple(mean.tolist()), tuple(std.tolist()))

    def steps(self, flops: Flops) -> int:
        """Return the steps of a round: enough that its start and end do not count, or one if a step takes seconds."""
        enough = 2e13 if self.compute.device == "cuda" else 2e10
        return min(64, max(1, round(enough / (23 * flops.forward * self.batch))))


def acting(name: str) -> AnyMethod:
    """Return a method as it acts late in training, past its burn-in and in an epoch that draws no memory anew."""
    method: AnyMethod = METHODS[name].at(98, 100)
    return method


class Timing(NamedTuple):
    """The measured rounds of a method or of the plain loop."""

    name: str
    row: EpochRecord  # of the trainer's epoch: its counts of passes
    flops: float  # useful ones of one image
    images: float  # trained on in a round, each replay anew
    seconds: list[float]  # of each round


def timed(case: Case, methods: Sequence[str], rounds: int, plain: bool, flops: Flops, clock: Clock) -> list[Timing]:
    """Time each method, and perhaps the plain loop of the first, in turn each round, so that load hits all alike."""
    steps = case.steps(flops)
    timings: list[tuple[Timing, Callable[[], object]]] = []
    for method in methods:
        trainer = case.trainer(method, steps)
        beside = Plain(trainer) if plain else None
        row = _epoch(trainer)
        timing = Timing(method, row, flops.of_step(row, acting(method).graphs), row["examples"], [])
        timings.append((timing, lambda trainer=trainer: _epoch(trainer)))  # type: ignore[misc]
        if beside:
            beside.run_epoch()
            timings.append((timing._replace(name=f"{method}, plain", seconds=[]), beside.run_epoch))
    for _ in range(rounds):
        for timing, run in timings:
            timing.seconds.append(clock.time(run))
    return [timing for timing, _ in timings]


def _epoch(trainer: Trainer) -> EpochRecord:
    return trainer.run_epoch(trainer.config.stage(trainer.epoch)).row
