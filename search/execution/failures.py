"""Failures of trials: classified by their errors, and written to the error.txt of the trial."""

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
from search.store.health import check_folders_exist, find_storage_problem, find_storage_problem_behind
from search.store.remote import parse_path
from search.store.store import Store
from trainers.record_io import write_atomic
from trainers.recording import peak_memory

PROJECT_PACKAGES = ("search", "trainers")
GIB = 1 << 30
REQUEST = re.compile(r"[Tt]ried to allocate ([\d.]+ ?\w+)|Unable to allocate ([\d.]+ \w+)")
MEMORY_WORDS = (  # in a RuntimeError
    "out of memory", "not enough memory", "can't allocate memory", "alloc_failed",
    # what cuDNN and cuBLAS say when there is no room for their handles and workspaces
    "cudnn_status_not_initialized", "cublas_status_not_initialized", "unable to find an engine",
)  # fmt: skip
GPU_WORDS = (  # in a RuntimeError of torch: the context of the process is unusable, or the GPU does not answer
    "cuda error", "cudnn error", "cuda driver error", "cuda unknown error", "_status_execution_failed",
    "_status_internal_error", "no cuda gpus are available",
)  # fmt: skip
PROGRAM_WORDS = ("_status_bad_param", "_status_invalid_value", "_status_not_supported")  # the GPU refused a call
ASSERT_WORDS = "device-side assert"  # of an index out of range: the context is lost, and the program is to blame


class StepOutcome(NamedTuple):
    """The outcome of a step and its reason, which the driver reports if the worker has not written it down."""

    outcome: JobStatus
    why: str = ""


class GpuFault(Exception):
    """An error after which no training of the process can use its GPU: a new process may be able to."""


def record_failure(job: Job, error: Exception) -> StepOutcome:
    """Return the outcome of a trial that raised an error.

    A storage error ends the sweep, because every other trial would meet it. A trial that ran out of memory may have
    enough when it runs alone. A trial whose GPU failed is lost, as its process is. These and all other errors are
    written to the error.txt of the trial.
    """
    folder = parse_path(job.folder)
    if isinstance(error, OSError) and (why := find_storage_problem_behind(error, folder)):
        return StepOutcome("storage", why)
    if lack := describe_memory_shortage(error):
        return StepOutcome("out of memory", f"{lack}{_format_location(error.__traceback__)}")
    lost = is_gpu_fault(error)
    try:
        write_error(Store(folder), job.trial, _format_gpu_fault(error) if lost else _format_error(error))
    except OSError as other:
        return StepOutcome(
            "storage", find_storage_problem_behind(other, folder) or find_storage_problem(folder) or str(other)
        )
    return StepOutcome("lost", describe_gpu_fault(error)) if lost else StepOutcome("failed")


def is_gpu_fault(error: BaseException) -> bool:
    """Return whether an error leaves the GPU unusable for this process, for a cause other than a lack of memory.

    A CUDA context is lost after an illegal address, a failed launch or a fault of the hardware: each later call in the
    process raises the same error.
    """
    text = str(error).lower()
    if not isinstance(error, RuntimeError) or describe_memory_shortage(error):
        return False
    named = isinstance(error, torch.AcceleratorError) or any(word in text for word in GPU_WORDS)
    return ASSERT_WORDS in text or (named and not any(word in text for word in PROGRAM_WORDS))


def describe_gpu_fault(error: BaseException) -> str:
    """Describe a fault of a GPU on one line."""
    return f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}{_format_location(error.__traceback__)}"


def _format_gpu_fault(error: Exception) -> str:
    """Return the stack and the fault, without the header by which `failed_deterministically` knows other errors."""
    return "".join(traceback.format_tb(error.__traceback__)) + describe_gpu_fault(error)


def _format_error(error: Exception) -> str:
    return "".join(traceback.format_exception(error)) + _format_on_one_line(error)


def _format_on_one_line(error: Exception) -> str:
    """Return a message of several lines on one line, as its last lines seldom state the error; else an empty text."""
    first, *others = str(error).strip().splitlines() or [""]
    if not others:
        return ""
    if isinstance(error, ValidationError):  # str(error) also links the documentation of pydantic
        places = [(".".join(map(str, problem["loc"])), problem["msg"]) for problem in error.errors()]
        first = "; ".join(": ".join(filter(None, place)) for place in places)
    elif first.endswith(":"):
        first = f"{first} {others[0].strip()}"
    return f"{type(error).__name__}: {first}"


def write_error(store: Store, trial: str, text: str) -> None:
    """Write why a trial failed; users see the last line of the text. Raises OSError."""
    check_folders_exist(store.folder)
    write_atomic(store.trial_folder(trial) / "error.txt", text.rstrip("\n") + "\n")


def read_last_error_line(store: Store, trial: str) -> str | None:
    """Return the last line of the error.txt of a trial; None if there is none."""
    lines = _read_error(store, trial).strip().splitlines()
    return lines[-1] if lines else None


def failed_deterministically(store: Store, trial: str) -> bool:
    """Return whether a trial failed by an exception in its computation, not by a lost worker or a lack of memory.

    Equal seeds compute the same bits, so another try fails in the same way.
    """
    return "Traceback (most recent call last)" in _read_error(store, trial)


def _read_error(store: Store, trial: str) -> str:
    try:
        return (store.trial_folder(trial) / "error.txt").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _format_location(traceback_: TracebackType | None) -> str:
    frame = find_innermost_frame(traceback.extract_tb(traceback_))
    return f" ({frame})" if frame else ""


def find_innermost_frame(frames: traceback.StackSummary) -> str | None:
    """Return the innermost line of this project in a stack, as `file:line, function`; None if there is none."""
    folders = [ROOT / name for name in PROJECT_PACKAGES]
    for frame in reversed(frames):
        if any(Path(frame.filename).resolve().is_relative_to(folder) for folder in folders):
            return f"{frame.filename.rpartition(os.sep)[2]}:{frame.lineno}, {frame.name}"
    return None


def describe_memory_shortage(error: BaseException) -> str | None:
    """Describe the memory that an error lacked; None if the error has another cause."""
    text = str(error)
    signs = isinstance(error, RuntimeError) and any(sign in text.lower() for sign in MEMORY_WORDS)
    if not signs and not isinstance(error, MemoryError | torch.OutOfMemoryError):
        return None
    found = REQUEST.search(text)
    asked = next(filter(None, found.groups()), None) if found else None
    on_gpu = torch.cuda.is_available() and "DefaultCPUAllocator" not in text and not isinstance(error, MemoryError)
    kind = "GPU memory" if on_gpu else "memory"
    held = peak_memory(torch.device("cuda" if on_gpu else "cpu")) / GIB
    more = f"asked for {_format_request(asked)} more" if asked else "asked for more"
    holder = "it" if on_gpu else "its process"  # on a CPU the peak is that of all trials of the process
    return f"out of {kind}: {holder} {more}, and had held {held:.1f} GiB at most"


def release_memory() -> None:
    """Free unused memory for other processes on the device."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _format_request(asked: str) -> str:
    number, _, unit = asked.partition(" ")
    return f"{float(number) / GIB:.1f} GiB" if unit == "bytes" else asked
