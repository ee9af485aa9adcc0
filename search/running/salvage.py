"""A sweep some of whose files are damaged: what is made again of what else is there, and what cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from search.planning.plan import Plan
from search.storing.planfile import of_other_format
from search.storing.store import Store
from trainers.reading import Damage, ExpectedFile, expected_files, read_content, read_json, stat_file
from trainers.records import Place, Row, set_aside
from trainers.shapes import check_result

SMALL = 1 << 20  # bytes that are read in no time


def mended(store: Store, plan: Plan) -> Iterator[str]:
    """Take back results that are damaged, or whose records are, so that they are made again; says of each why."""
    for trial in plan.trials:
        damage, path = Damage(), store.trial(trial.id) / "result.json"
        result = store.result(trial.id, trial.final, damage)
        if damage:
            set_aside(path)  # somebody may want to look at it
            yield f"{trial.id}: result.json is damaged ({damage[str(path)]}); it is made again from what is stored"
        elif result and (files := torn(store.trial(trial.id), result)):
            path.unlink()
            yield f"{trial.id}: {' and '.join(files)} damaged or missing; made again from what is stored"


def torn(folder: Place, result: Row, thorough: bool = False) -> list[str]:
    """Which records of an ended trial are not those that its result tells of; behind a URL files are written whole.

    A large file is looked into where it is younger than its result, or if asked to be `thorough`: to read the arrays
    of a thousand trials takes minutes.
    """
    if not isinstance(folder, Path):
        return []
    path = folder / "result.json"
    expected = expected_files(result)
    files = [name for name, its in expected.items() if not _whole(folder / name, its, None if thorough else path)]
    if not path.read_bytes().endswith(b"\n"):  # it reads as if it were whole
        files.append("result.json")
    return files


def _whole(file: Path, expected: ExpectedFile, result: Path | None) -> bool:
    found, then = stat_file(file), stat_file(result) if result else None
    if not found or found.st_size < expected.size or (expected.whole and found.st_size > expected.size):
        return False
    if then and found.st_size > SMALL and found.st_mtime_ns <= then.st_mtime_ns:
        return True
    try:
        return expected.matches(read_content(file, sys.maxsize))
    except (FileNotFoundError, ValueError):
        return False


def foreign(folder: Place, plan: Plan) -> list[str]:
    """Why what a folder holds is not of this plan, where its plan.json cannot tell; empty if it is, and may go on.

    States are named after all that they depend on, so that none is ever mixed up; what was finished may be another's.
    """
    begun = [path.name for path in (folder / "trials").glob("*")]
    if not begun:
        return []
    if version := of_other_format(folder):
        return [f"{version}, and its stages are not mixed with new"]
    finals = {trial.id: trial.final for trial in plan.trials}
    names = {trial.configuration for trial in plan.trials}
    results = {name: read_json(folder / "trials" / name / "result.json", check_result) for name in begun}
    chains = {name: it.get("chain") for name, it in results.items() if it}
    states = {state for trial in plan.trials for state in trial.chain}  # an extension renames what it builds on
    unknown = [name for name in begun if name not in finals and name.rpartition(",seed=")[0] not in names]
    strange = [name for name in unknown if chains.get(name) not in states]
    if len(strange) < len(begun):  # it is of this plan, then; what did not end may have been renamed too
        strange = [name for name in strange if name in chains]
    other = [name for name in finals if chains.get(name, finals[name]) != finals[name]]
    if not strange and not other:
        return []
    what = f"{strange[0]} is not in this space" if strange else f"{other[0]} was trained by other code, torch or data"
    return [f"its plan.json is damaged, and what it holds is of another sweep: {what}"]
