"""A page that is written again whenever the records of its sweeps change, until no more can come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.exceptions import SweepError
from analysis.report.data import ReportData
from analysis.report.progress import INTERRUPTED, RUNNING, measure_progress

RECORDS = ("*.json", "trials/*/*.json", "trials/*/*.jsonl", "trials/*/*.txt")
PASSING = "now.json"  # which a running sweep writes every moment, and which a report does not read
Marks = dict[Path, tuple[int, int]]


def watch_records(
    folders: Sequence[Path],
    write: Callable[[], bool],
    interval: float,
    wait: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = print,
) -> None:
    """Write a page now, and again after each interval in which records changed; `write` returns whether more may come.

    Records that change while the page is written are seen after the next interval. Those that cannot be read, such as
    a plan that is being copied, are told to `say` and tried again when they change; at the start they raise SweepError.
    """
    seen: Marks | None = None
    while True:
        marks = mark_records(folders)
        try:
            if marks != seen and not write():
                return
        except SweepError as error:
            if seen is None:
                raise
            say(f"not written: {error}")
        seen = marks
        wait(interval)


def mark_records(folders: Sequence[Path]) -> Marks:
    """Return the time of change and the size of each record."""
    marks: Marks = {}
    for path in (path for folder in folders for pattern in RECORDS for path in folder.glob(pattern)):
        try:
            found = path.stat()
        except OSError:  # replaced in this moment
            continue
        if path.name != PASSING:
            marks[path] = (found.st_mtime_ns, found.st_size)
    return marks


def may_change(reports: Sequence[ReportData]) -> bool:
    """Return whether more records may come: trainings have not ended, or a search has not noted its end."""
    return any(measure_progress(report.results).state in (RUNNING, INTERRUPTED) for report in reports)
