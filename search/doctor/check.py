"""The result of one check, and the conditions under which checks run."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from trainers.record_io import Place, Row

State = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """The result of a check: what was found and, if it failed, what is needed and what to do."""

    name: str
    state: State
    found: str
    needed: str = ""
    remedy: str = ""
    values: Row = field(default_factory=dict)  # numbers and names behind `found`


def passed(name: str, found: str, **values: Any) -> Check:
    """Return a check that found what is needed."""
    return Check(name, "passed", found, values=values)


def failed(name: str, found: str, needed: str, remedy: str, **values: Any) -> Check:
    """Return a check that did not find what is needed."""
    return Check(name, "failed", found, needed, remedy, values)


def skipped(name: str, reason: str, remedy: str = "") -> Check:
    """Return a check that was not made; `remedy` says how to ask for it."""
    return Check(name, "skipped", reason, remedy=remedy)


class Conditions(NamedTuple):
    """The conditions under which a section runs its checks."""

    results: Place  # where sweeps will be stored
    scratch: Path  # a folder for the section's own files
    device: str  # cuda or cpu
    threads: int = 1  # what a trial has unless its space asks for more CPUs

    @property
    def cuda(self) -> bool:
        """Return whether trainings run on a GPU."""
        return self.device == "cuda"


CheckSection = Callable[[Conditions], Iterator[Check]]


def describe_error(error: BaseException) -> str:
    """Return an error on one line: its kind, what its message begins with, and the line of this project it is from."""
    from search.execution.failures import find_innermost_frame  # late: it imports torch, which takes seconds

    first, *others = str(error).strip().splitlines() or ["no message"]
    if first.endswith(":") and others:
        first = f"{first} {others[0].strip()}"
    frame = find_innermost_frame(traceback.extract_tb(error.__traceback__))
    return f"{type(error).__name__}: {first}" + (f" ({frame})" if frame else "")
