"""The cost of torch.compile: its graphs, and how long the first step of a training waits for them."""

from __future__ import annotations

import time
from typing import NamedTuple

from trainers.bench_time import Case
from trainers.compiled import count_graphs
from trainers.trainer import Trainer


class FirstSteps(NamedTuple):
    """The first step of a training in this process, and that of a second one of the same kind."""

    method: str
    graphs: int  # that were compiled in the first step, or read from the compile cache
    seconds: float  # wall time of this step
    further: int  # graphs of the second training that the first did not leave
    next_seconds: float  # wall time of its first step

    def describe(self) -> str:
        """Return a line in words."""
        return (
            f"{self.method}: first step after {self.seconds:.3g} s, with {self.graphs} new graphs; "
            f"that of a second training after {self.next_seconds:.3g} s, with {self.further}"
        )


def time_first_steps(case: Case, method: str) -> FirstSteps:
    """Train one step, and one of another trainer; graphs of an earlier method in this process count as made."""
    first, second = (_time_step(case.trainer(method, steps=1)) for _ in range(2))
    return FirstSteps(method, *first, *second)


def _time_step(trainer: Trainer) -> tuple[int, float]:
    before, began = count_graphs(), time.perf_counter()
    trainer.run_epoch(trainer.config.stage(0))
    return count_graphs() - before, time.perf_counter() - began
