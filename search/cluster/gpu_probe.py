"""A training's first steps, run on one GPU alone and beside copies of itself: what it holds, and how fast all are."""

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
IMAGES = 512  # of each split: what a measurement holds at once
WARM = 2  # rounds before the first that counts: compiling, choosing kernels, filling caches
SECONDS, WINDOWS = 5.0, 3
PATIENCE = 900.0  # seconds for a GPU to come free, or for a copy to compile


class Measured(NamedTuple):
    """So many copies at once."""

    copies: int
    images_per_s: float  # of all of them together
    memory: int  # bytes that one copy needs


class Begun(Trainer):
    """A trainer of the whole data whose epoch is its last one's first steps, and a batch of each measurement.

    Without the further attacks along training, of which one may take longer than all the rest.
    """

    def __init__(self, config: TrialConfig, evaluation: Evaluation, source: Source, threads: int) -> None:
        always = evaluation.model_copy(update={"every": 1, "along": {}})
        super().__init__(config, always, prepare_data(source, config.data), None, threads)
        self.stage = config.stage(config.epochs - 1)  # past every burn-in
        self.splits = {name: Split(it.x[:IMAGES], it.y[:IMAGES]) for name, it in self.splits.items() if "_" not in name}
        whole = self.examples.draw_batches
        self.examples.draw_batches = lambda *asked: whole(*asked)[:STEPS]  # type: ignore[method-assign]

    def selected(self, stage: Any) -> torch.Tensor:
        """All, for which no ranking is needed."""
        return torch.arange(self.examples.n)

    def round(self) -> int:
        """Train and measure once. Returns on how many images it trained."""
        self.epoch = self.stage.epoch
        return int(self.run_epoch(self.stage).row["examples"])


class Copy:
    """One such training in a process of its own."""

    def __init__(self, config: Row, evaluation: Row, source: Source, threads: int) -> None:
        self._trainer = Begun(
            TrialConfig.model_validate(config), Evaluation.model_validate(evaluation), source, threads
        )
        for _ in range(WARM):
            self._trainer.round()

    def memory(self) -> int:
        """Bytes; on a GPU those of its driver's context too, if no other process is on it."""
        device = self._trainer.device
        if device.type != "cuda":
            return peak_memory(device)
        free, total = torch.cuda.mem_get_info(device)
        return torch.cuda.max_memory_reserved(device) + total - free - torch.cuda.memory_reserved(device)

    def rate(self, seconds: float) -> float:
        """Images a second, over at least so long."""
        began, images = time.monotonic(), 0
        while (spent := time.monotonic() - began) < seconds:
            images += self._trainer.round()
        return images / spent


class Crowd:
    """Copies of one training on one GPU, or on CPUs alone, added one by one. A context; Ray must be up."""

    def __init__(
        self, config: TrialConfig, evaluation: Evaluation, source: Source, threads: int, most: int, ip: str = ""
    ) -> None:
        """At most so many copies, on the node of that address if one is given."""
        self._asked = config.model_dump(mode="json"), evaluation.model_dump(mode="json"), ray.put(source), threads
        self._share = 1 / most if config.compute.device == "cuda" else 0.0
        self._bundle = {"CPU": float(threads * most)} | ({"GPU": 1.0} if self._share else {})
        self._bundle |= {f"node:{ip}": 0.001} if ip else {}
        self._copies: list[Any] = []

    def __enter__(self) -> Self:
        """Raises TimeoutError if the place does not come free."""
        self._place = ray.util.placement_group([self._bundle])  # one bundle is one GPU, whatever else a node has
        if not self._place.wait(PATIENCE):
            ray.util.remove_placement_group(self._place)
            raise TimeoutError(f"no node had {self._bundle} free within {PATIENCE / 60:g} minutes")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        ray.util.remove_placement_group(self._place)  # which ends the copies

    def grow(self) -> Measured:
        """Add a copy and measure all. Raises RayError if it fails, as when memory runs out."""
        there = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(self._place)
        threads = self._asked[-1]
        actor = ray.remote(num_cpus=threads, num_gpus=floor(1e4 * self._share) / 1e4, scheduling_strategy=there)(Copy)
        self._copies.append(actor.remote(*self._asked))
        ray.get(self._copies[-1].memory.remote(), timeout=PATIENCE)
        windows = [sum(ray.get([copy.rate.remote(SECONDS) for copy in self._copies])) for _ in range(WINDOWS)]
        memory = ray.get(self._copies[0].memory.remote())
        return Measured(len(self._copies), median(windows), memory)
