"""Checkpoints written while training goes on: copied to the host at once, packed and stored by a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

_POOL = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")  # one process trains one trial at a time


class Writer:
    """Runs one write at a time beside the training; the next waits for the one before."""

    def __init__(self) -> None:
        self._now: Future[None] | None = None

    def begin(self, write: Callable[[], None]) -> None:
        """Start a write. Raises what the one before it raised."""
        self.wait()
        self._now = _POOL.submit(write)

    def wait(self) -> None:
        """Return when nothing is being written. Raises what the write raised, once."""
        now, self._now = self._now, None
        if now:
            now.result()


def wait_for_writes() -> None:
    """Return when no session of this process writes any more, also one that was given up in the midst of it."""
    _POOL.submit(lambda: None).result()


def copy_to_cpu(state: Any) -> Any:
    """A copy of a state on the host, which further training does not touch."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copy_to_cpu(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copy_to_cpu(value) for value in state)
    return state
