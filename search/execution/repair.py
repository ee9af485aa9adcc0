"""Finds damaged records of ended trials and discards their results, so that they are made again from stages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from search.planning.plan import Plan
from search.store.store import Store
from trainers.record_io import Place, Row, set_aside
from trainers.record_reader import Damage, ExpectedFile, expected_files, read_content, stat_file

SMALL_FILE = 1 << 20  # bytes; such a file is always checked


def discard_torn_results(store: Store, plan: Plan) -> Iterator[str]:
    """Discard results that are damaged or whose records are, so that they are made again; yield the reason for each."""
    for trial in plan.trials:
        damage, path = Damage(), store.trial_folder(trial.id) / "result.json"
        result = store.read_result(trial.id, trial.final, damage)
        if damage:
            set_aside(path)  # for inspection
            yield f"{trial.id}: result.json is damaged ({damage[str(path)]}); it is made again from stored stages"
        elif result and (files := find_damaged_files(store.trial_folder(trial.id), result)):
            path.unlink()
            yield f"{trial.id}: {' and '.join(files)} damaged or missing; made again from stored stages"


def find_damaged_files(folder: Place, result: Row, thorough: bool = False) -> list[str]:
    """Return the records of an ended trial that differ from the sizes and digests in its result.

    Behind a URL files are written as a whole, so none is checked. The content of a large file is checked only if the
    file is newer than its result, or with `thorough`: reading the arrays of a thousand trials takes minutes.
    """
    if not isinstance(folder, Path):
        return []
    path = folder / "result.json"
    reference = None if thorough else path
    expected = expected_files(result)
    files = [name for name, file in expected.items() if not _is_whole(folder / name, file, reference)]
    if not path.read_bytes().endswith(b"\n"):  # a truncated file may still parse
        files.append("result.json")
    return files


def _is_whole(path: Path, expected: ExpectedFile, result: Path | None) -> bool:
    """Return whether a file is as expected; with `result`, a large file that is not newer passes by its size alone."""
    found, reference = stat_file(path), stat_file(result) if result else None
    if not found or found.st_size < expected.size or (expected.whole and found.st_size > expected.size):
        return False
    if reference and found.st_size > SMALL_FILE and found.st_mtime_ns <= reference.st_mtime_ns:
        return True
    try:
        return expected.matches(read_content(path, sys.maxsize))
    except (FileNotFoundError, ValueError):
        return False
