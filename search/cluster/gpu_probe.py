"""The first steps of a training, run on one GPU alone and beside copies of itself to measure memory and throughput."""

from __future__ import annotations

import time
from math import floor
from statistics import median
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch

from search.ray_env import ray
from trainers.arrays import Source
from trainers.config import TrialConfig
from trainers.data import Split, prepare_data
from trainers.evaluate import Evaluation
from trainers.record_io import Row
from trainers.recording import peak_memory
from trainers.trainer import Trainer

STEPS = 32  # of an epoch
IMAGES = 512  # of each split, in an evaluation: its batch
WARMUP_ROUNDS = 2  # for compiling, choosing kernels and filling caches
SECONDS, WINDOWS = 5.0, 3  # length and number of the measurements
PATIENCE = 900.0  # seconds for a GPU to come free, or for a copy to compile


class CopiesMeasured(NamedTuple):
    """Measurements taken while this many copies trained at once."""

    copies: int
    images_per_s: float  # of all copies together
    memory: int  # bytes that one copy needs


class MemoryUse(NamedTuple):
    """The memory that a process needs, and what else is in use on its GPU."""

    own: int  # bytes that torch reserved at most, or of the whole process on a CPU
    others: int  # bytes that torch did not reserve: contexts of all processes, and what other processes reserved


class ProbeTrainer(Trainer):
    """A trainer whose epoch has the first steps of the last epoch, and whose evaluations use one batch of each split.

    It trains on all examples, and leaves the further attacks along training out, as one of them may take longer than
    all the rest.
    """

    def __init__(self, config: TrialConfig, evaluation: Evaluation, source: Source, threads: int) -> None:
        every_epoch = evaluation.model_copy(update={"every": 1, "along": {}})
        super().__init__(config, every_epoch, prepare_data(source, config.data), None, threads)
        self.stage = config.stage(config.epochs - 1)  # past every burn-in
        self.splits = {
            name: Split(split.x[:IMAGES], split.y[:IMAGES]) for name, split in self.splits.items() if "_" not in name
        }
        draw_all = self.examples.draw_batches
        self.examples.draw_batches = lambda *asked: draw_all(*asked)[:STEPS]  # type: ignore[method-assign]

    def selected(self, stage: Any) -> torch.Tensor:
        """Return all examples, so that no ranking is needed."""
        return torch.arange(self.examples.n)

    def run_round(self) -> int:
        """Train and evaluate once. Return the number of images it trained on."""
        self.epoch = self.stage.epoch
        return int(self.run_epoch(self.stage).row["examples"])


class TrainingCopy:
    """A probe trainer in a process of its own."""

    def __init__(self, config: Row, evaluation: Row, source: Source, threads: int) -> None:
        self._trainer = ProbeTrainer(
            TrialConfig.model_validate(config), Evaluation.model_validate(evaluation), source, threads
        )
        for _ in range(WARMUP_ROUNDS):
            self._trainer.run_round()

    def measure_memory(self) -> MemoryUse:
        """Return the memory it needs, and what else is in use: its own CUDA context if it is alone on its GPU."""
        device = self._trainer.device
        if device.type != "cuda":
            return MemoryUse(peak_memory(device), 0)
        free, total = torch.cuda.mem_get_info(device)
        return MemoryUse(torch.cuda.max_memory_reserved(device), total - free - torch.cuda.memory_reserved(device))

    def measure_rate(self, seconds: float) -> float:
        """Return the images per second over at least this many seconds."""
        began, images = time.monotonic(), 0
        while (spent := time.monotonic() - began) < seconds:
            images += self._trainer.run_round()
        return images / spent


class CopyGroup:
    """Copies of one training on one GPU, or on CPUs alone, added one by one. A context; Ray must be up."""

    def __init__(
        self, config: TrialConfig, evaluation: Evaluation, source: Source, threads: int, max_copies: int, ip: str = ""
    ) -> None:
        """Keep what a copy needs; `ip` is the address of the node to run on, if it matters."""
        self._inputs = config.model_dump(mode="json"), evaluation.model_dump(mode="json"), ray.put(source), threads
        self._share = 1 / max_copies if config.compute.device == "cuda" else 0.0
        self._bundle = {"CPU": float(threads * max_copies)} | ({"GPU": 1.0} if self._share else {})
        self._bundle |= {f"node:{ip}": 0.001} if ip else {}
        self._copies: list[Any] = []
        self._context = 0  # bytes of a process that torch does not reserve, measured while the first copy is alone

    def __enter__(self) -> Self:
        """Reserve the GPU. Raises TimeoutError if it does not come free."""
        self._group = ray.util.placement_group([self._bundle])  # one bundle is on one GPU, whatever else a node has
        if not self._group.wait(PATIENCE):
            ray.util.remove_placement_group(self._group)
            raise TimeoutError(f"no node had {self._bundle} free within {PATIENCE / 60:g} minutes")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        ray.util.remove_placement_group(self._group)  # which ends the copies

    def add_copy(self) -> CopiesMeasured:
        """Add a copy and measure all. Raises RayError if it fails, as when memory runs out."""
        there = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(self._group)
        gpus = floor(1e4 * self._share) / 1e4
        actor = ray.remote(num_cpus=self._inputs[-1], num_gpus=gpus, scheduling_strategy=there)(TrainingCopy)
        self._copies.append(actor.remote(*self._inputs))
        ray.get(self._copies[-1].measure_memory.remote(), timeout=PATIENCE)
        windows = [sum(ray.get([copy.measure_rate.remote(SECONDS) for copy in self._copies])) for _ in range(WINDOWS)]
        uses = ray.get([copy.measure_memory.remote() for copy in self._copies])
        if len(uses) == 1:
            self._context = uses[0].others
        return CopiesMeasured(len(uses), median(windows), max(use.own for use in uses) + self._context)
