"""The operations of an eager training step by part: about what a GPU has to launch, counted on any machine.

An operation is a call of ATen below autograd and autocast that computes: views and mere allocations do not count. A
call for a list of tensors, such as `_foreach_lerp_`, counts once.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trainers.averaging import EMA
from trainers.awp import AWP
from trainers.bench_time import Case, acting
from trainers.method import Method
from trainers.trainer import Trainer

STEPS = 3  # of the counted epoch, of which the second counts
BATCH = 4  # images at most: the number changes no count but those of attacks that stop early
END = "epoch's end"  # all that is in no step
PARTS = (
    *("images", "attack forward", "attack backward", "attack step", "forward", "loss", "backward"),
    *("optimizer", "awp", "average", "log"),
)
OF_FUNCTIONS = {  # the innermost of these on the stack says the part
    ("trainers.step", "Net._pass"): "forward",
    ("trainers.step", "Net.input_gradient"): "attack backward",
    ("trainers.attacks", "PGD.perturb"): "attack step",
    ("trainers.iat", "IAT.__call__"): "attack step",
    ("trainers.mma", "MMA._boundary"): "attack step",
    ("trainers.examples", "Examples.load_batch"): "images",
    ("trainers.method", "observe"): "log",
    ("trainers.averaging", "AveragedWeights.update"): "average",
    ("trainers.awp", "AWP.compute_offsets"): "awp",
    ("trainers.awp", "frozen_statistics"): "awp",
    ("trainers.awp", "perturbed_weights"): "awp",
    ("torch._tensor", "Tensor.backward"): "backward",
    ("torch.optim.optimizer", "Optimizer.profile_hook_step.<locals>.wrapper"): "optimizer",
    ("trainers.trainer", "Trainer._train"): "loss",
}


class Ops(NamedTuple):
    """The operations of a step of one kind of training, and those at the end of its epoch, by part."""

    name: str
    parts: Counter[str]

    @property
    def step(self) -> int:
        """The operations of a step."""
        return sum(self.parts[part] for part in PARTS)


def counted_ops(case: Case, methods: Sequence[str]) -> list[Ops]:
    """Count a step of each method, and of the first one with AWP, if it can have it, and with EMA."""
    small = case._replace(batch=min(case.batch, BATCH))
    counts = [Ops(name, count_ops(small.trainer(name, STEPS))) for name in methods]
    name, first = methods[0], acting(methods[0])
    if isinstance(first, Method):
        perturbed = first.model_copy(update={"awp": AWP()})
        counts.append(Ops(f"{name} + awp", count_ops(small.trainer(perturbed, STEPS))))
    return [*counts, Ops(f"{name} + ema", count_ops(small.trainer(first, STEPS, EMA())))]


def count_ops(trainer: Trainer) -> Counter[str]:
    """Count the operations of a step of a trainer, and those at the end of its epoch; train two epochs for it."""
    for group in trainer.optimizer.param_groups:
        group["foreach"] = True  # as torch does by itself on a GPU
    trainer.run_epoch(trainer.config.stage(0))  # makes momenta, averages and memories
    counting, counts = _Counting(), Counter[str]()

    def mark(done: int, batches: int) -> None:
        if done == STEPS - 1:
            counts.update(counting.parts)
        counting.parts.clear()

    trainer.on_batch = mark
    with counting:
        trainer.run_epoch(trainer.config.stage(1))
    return counts + Counter({END: counting.parts.total()})


class _Counting(TorchDispatchMode):
    """A counter of the operations that compute."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = Counter[str]()

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _computes(op):
            self.parts[_part(sys._getframe(1))] += 1
        return op(*args, **(kwargs or {}))


def _computes(op: torch._ops.OpOverload) -> bool:
    """Return whether an operation computes, and is no view, allocation or mark of the profiler."""
    views = any(value.alias_info is not None and not value.alias_info.is_write for value in op._schema.returns)
    return op.namespace == "aten" and not views and not op._opname.startswith(("empty", "new_empty"))


def _part(frame: FrameType | None) -> str:
    """Return the part of a step to which the operation on top of a stack belongs."""
    found = list(_parts(frame))
    if found and found[0] == "forward" and "attack step" in found:
        return "attack forward"
    return found[0] if found else END


def _parts(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        part = OF_FUNCTIONS.get((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))
        if part:
            yield part
        frame = frame.f_back


def ops_table(counts: Sequence[Ops]) -> str:
    """Return a line for each kind of training, with aligned columns of the parts."""
    lines = [["operations of a step", "all", *PARTS, END]]
    for ops in counts:
        lines.append([ops.name, *(str(n) for n in (ops.step, *(ops.parts[part] for part in (*PARTS, END))))])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )
