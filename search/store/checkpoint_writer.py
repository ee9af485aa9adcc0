"""A writer of checkpoints beside the training: the state is copied to the CPU at once, a thread packs and stores it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

_POOL = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")  # one process trains one trial at a time


class CheckpointWriter:
    """Runs one write at a time beside the training; the next write waits for the previous one."""

    def __init__(self) -> None:
        self._pending: Future[None] | None = None

    def start(self, write: Callable[[], None]) -> None:
        """Start a write. Raises what the previous write raised."""
        self.wait()
        self._pending = _POOL.submit(write)

    def wait(self) -> None:
        """Wait until nothing is being written. Raises what the write raised, once."""
        pending, self._pending = self._pending, None
        if pending:
            pending.result()


def wait_for_writes() -> None:
    """Wait until no session of this process writes, including a session that was abandoned during a write."""
    _POOL.submit(lambda: None).result()


def copy_to_cpu(state: Any) -> Any:
    """Return a copy of a state on the CPU, which further training does not change."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copy_to_cpu(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copy_to_cpu(value) for value in state)
    return state
