"""What an error makes of a trial, and where it is written down for whoever asks why."""

from __future__ import annotations

import gc
import os
import re
import traceback
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import torch
from pydantic import ValidationError

from search import ROOT
from search.planning.jobs import Job, JobStatus
from search.store.health import check, storage_problem, storage_problem_behind
from search.store.remote import parse_path
from search.store.store import Store
from trainers.record_io import write_atomic
from trainers.recording import peak_memory

OURS = ("search", "trainers")


class Failure(NamedTuple):
    """An outcome, and why: for the driver to say, if the worker has not written it down."""

    outcome: JobStatus
    why: str = ""


def failure_of(job: Job, error: Exception) -> Failure:
    """What an error makes of a trial.

    One of the storage ends the sweep, for every other trial would meet it; memory that ran out may be there for a
    trial alone; any other is written to the trial's error.txt.
    """
    folder = parse_path(job.folder)
    if isinstance(error, OSError) and (why := storage_problem_behind(error, folder)):
        return Failure("storage", why)
    if lack := shortage(error):
        return Failure("out of memory", f"{lack}{_place(error.__traceback__)}")
    try:
        note(Store(folder), job.trial, "".join(traceback.format_exception(error)) + _in_a_line(error))
    except OSError as other:
        return Failure("storage", storage_problem_behind(other, folder) or storage_problem(folder) or str(other))
    return Failure("failed")


def _in_a_line(error: Exception) -> str:
    """A message of several lines once more in one, as the last of them are seldom what says it; else nothing."""
    first, *others = str(error).strip().splitlines() or [""]
    if not others:
        return ""
    if isinstance(error, ValidationError):  # its lines say where, what, and where pydantic's documentation is
        first = "; ".join(": ".join(filter(None, (".".join(map(str, it["loc"])), it["msg"]))) for it in error.errors())
    elif first.endswith(":"):
        first = f"{first} {others[0].strip()}"
    return f"{type(error).__name__}: {first}"


def note(store: Store, trial: str, text: str) -> None:
    """Write down why a trial failed; its last line is what a user is shown. Raises OSError."""
    check(store.folder)
    write_atomic(store.trial(trial) / "error.txt", text.rstrip("\n") + "\n")


def last_error_line(store: Store, trial: str) -> str | None:
    """The last line of what is written down of a trial that failed."""
    lines = _written(store, trial).strip().splitlines()
    return lines[-1] if lines else None


def repeats(store: Store, trial: str) -> bool:
    """Whether a trial failed by an exception of what it computes, not by the loss of its worker or for want of memory.

    Equal seeds compute the same bits, so another try meets it again.
    """
    return "Traceback (most recent call last)" in _written(store, trial)


def _written(store: Store, trial: str) -> str:
    try:
        return (store.trial(trial) / "error.txt").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _place(at: TracebackType | None) -> str:
    frame = innermost(traceback.extract_tb(at))
    return f" ({frame})" if frame else ""


def innermost(frames: traceback.StackSummary) -> str | None:
    """The last line of this project in a stack, as a user can look it up."""
    ours = [it for it in frames if any(Path(it.filename).resolve().is_relative_to(ROOT / name) for name in OURS)]
    return f"{ours[-1].filename.rpartition(os.sep)[2]}:{ours[-1].lineno}, {ours[-1].name}" if ours else None


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
