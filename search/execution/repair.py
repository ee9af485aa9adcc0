"""A sweep some of whose files are damaged: what is made again of what else is there, and what cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from search.planning.plan import Plan
from search.store.store import Store
from trainers.reading import Damage, ExpectedFile, expected_files, read_content, stat_file
from trainers.record_io import Place, Row, set_aside

SMALL = 1 << 20  # bytes that are read in no time


def discard_torn_results(store: Store, plan: Plan) -> Iterator[str]:
    """Take back results that are damaged, or whose records are, so that they are made again; says of each why."""
    for trial in plan.trials:
        damage, path = Damage(), store.trial(trial.id) / "result.json"
        result = store.result(trial.id, trial.final, damage)
        if damage:
            set_aside(path)  # somebody may want to look at it
            yield f"{trial.id}: result.json is damaged ({damage[str(path)]}); it is made again from what is stored"
        elif result and (files := damaged_files(store.trial(trial.id), result)):
            path.unlink()
            yield f"{trial.id}: {' and '.join(files)} damaged or missing; made again from what is stored"


def damaged_files(folder: Place, result: Row, thorough: bool = False) -> list[str]:
    """Which records of an ended trial are not those that its result tells of; behind a URL files are written whole.

    A large file is looked into where it is younger than its result, or if asked to be `thorough`: to read the arrays
    of a thousand trials takes minutes.
    """
    if not isinstance(folder, Path):
        return []
    path = folder / "result.json"
    promised = expected_files(result)
    files = [name for name, its in promised.items() if not _whole(folder / name, its, None if thorough else path)]
    if not path.read_bytes().endswith(b"\n"):  # it reads as if it were whole
        files.append("result.json")
    return files


def _whole(file: Path, promised: ExpectedFile, result: Path | None) -> bool:
    found, then = stat_file(file), stat_file(result) if result else None
    if not found or found.st_size < promised.size or (promised.whole and found.st_size > promised.size):
        return False
    if then and found.st_size > SMALL and found.st_mtime_ns <= then.st_mtime_ns:
        return True
    try:
        return promised.matches(read_content(file, sys.maxsize))
    except (FileNotFoundError, ValueError):
        return False
