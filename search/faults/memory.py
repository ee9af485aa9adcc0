"""Memory that ran out: told from other errors, and what was asked for."""

from __future__ import annotations

import gc
import re

import torch

from trainers.recording import peak_memory

GIB = 1 << 30
ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+ ?\w+)|Unable to allocate ([\d.]+ \w+)")
SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")  # of a RuntimeError


def shortage(error: BaseException) -> str | None:
    """What an error says of memory that was not there; None if it is about something else."""
    text = str(error)
    signs = isinstance(error, RuntimeError) and any(sign in text.lower() for sign in SIGNS)
    if not signs and not isinstance(error, MemoryError | torch.OutOfMemoryError):
        return None
    found = ASKED.search(text)
    asked = next(filter(None, found.groups()), None) if found else None
    on_gpu = torch.cuda.is_available() and "DefaultCPUAllocator" not in text and not isinstance(error, MemoryError)
    kind = "GPU memory" if on_gpu else "memory"
    held = peak_memory(torch.device("cuda" if on_gpu else "cpu")) / GIB
    more = f"asked for {_readable(asked)} more" if asked else "asked for more"
    return f"out of {kind}: its process {more}, and had held {held:.1f} GiB at most"


def release() -> None:
    """Give back what nobody holds any more, for others that share the device."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _readable(asked: str) -> str:
    number, _, unit = asked.partition(" ")
    return f"{float(number) / GIB:.1f} GiB" if unit == "bytes" else asked
