"""A section in a process of its own, which is ended at its limit, so that no section can stop or spoil another."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from search.doctor.check import Check, failed, skipped
from search.doctor.sections import COMMAND
from search.soak.process import SweepProcess
from trainers.allocator import ALLOCATOR
from trainers.record_io import Place

OTHER_CLUSTER = "RAY_ADDRESS"  # the checks are of this machine


@dataclass(frozen=True)
class SectionResult:
    """The checks of a section, and the seconds that it took."""

    section: str
    seconds: float
    checks: list[Check]


def print_checks(checks: Iterable[Check]) -> None:
    """Print checks as JSON lines as they are made, for the process that started this one."""
    for check in checks:
        print(json.dumps(asdict(check)), flush=True)


def run_section(name: str, results: Place, scratch: Path, limit: float) -> SectionResult:
    """Run a section in a new process for at most `limit` seconds, and return the checks that it made."""
    began = time.monotonic()
    process = SweepProcess(
        "--here", "--section", name, "--results", str(results),
        scratch=scratch, program=("-m", "search.doctor"), **_build_environment(os.environ),
    )  # fmt: skip
    try:
        ended = end_check(name, process.wait(limit), process.complaint)
    except subprocess.TimeoutExpired:
        process.kill(workers=True)
        ended = [skipped("the rest", f"the time for this section, {limit:.0f} s, is used up", f"{COMMAND} {name}")]
    finally:
        process.close()
    return SectionResult(name, time.monotonic() - began, [*parse_checks(process.printed), *ended])


def _build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a section needs beside those that a watched process inherits anyway."""
    kept = {name: value for name, value in environment.items() if name.startswith(("RAY_", "TUNE_"))}
    return {name: value for name, value in kept.items() if name != OTHER_CLUSTER} | ALLOCATOR


def parse_checks(printed: str) -> list[Check]:
    """Return the checks that `print_checks` printed, whatever else a library printed beside them."""
    found = []
    for line in printed.splitlines():
        if line.startswith('{"name"') and line.endswith("}"):
            found.append(Check(**json.loads(line)))
    return found


def end_check(name: str, code: int, complaint: str) -> list[Check]:
    """Return a failed check if the process of a section did not end by itself; else none."""
    if not code:
        return []
    how = f"its process was ended by signal {-code}" if code < 0 else "its process failed"
    remedy = (
        "free memory: the system ends a process that asks for too much"
        if code == -9
        else "mend what the message names, and ask again"
    )
    return [failed("the section", f"{how}: {complaint or 'it says nothing'}", "a section that ends by itself",
                   f"{remedy}; `{COMMAND} {name}` asks for this section alone")]  # fmt: skip
