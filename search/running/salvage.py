"""A sweep some of whose files are damaged: what is made again of what else is there, and what cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from search.planning.plan import Plan
from search.storing.store import Store
from trainers.records import Place, Row, read_json


def mended(store: Store, plan: Plan) -> Iterator[str]:
    """Take back results whose records are torn, so that they are made again from the stages; says of each why.

    A file that was written whole has the size that the result tells; behind a URL files are written whole.
    """
    for trial in plan.trials:
        folder, result = store.trial(trial.id), store.result(trial.id, trial.final)
        if result and (files := torn(folder, result)):
            (folder / "result.json").unlink()
            yield f"{trial.id}: {' and '.join(files)} torn or missing; made again from what is stored"


def torn(folder: Place, result: Row) -> list[str]:
    """Which records of an ended trial are not those that its result tells of."""
    if not isinstance(folder, Path):
        return []
    files = [name for name, size in result.get("bytes", {}).items() if not _whole(folder / name, size, result)]
    if not (folder / "result.json").read_bytes().endswith(b"\n"):  # it reads as if it were whole
        files.append("result.json")
    return files


def _whole(file: Path, size: int, result: Row) -> bool:
    try:
        found = os.stat(file).st_size
    except FileNotFoundError:
        return False
    return found == size or (found > size and result["status"] == "stopped")  # which may be taken up again


def foreign(folder: Place, plan: Plan) -> list[str]:
    """Why what a folder holds is not of this plan, where its plan.json cannot tell; empty if it is, and may go on.

    States are named after all that they depend on, so that none is ever mixed up; what was finished may be another's.
    """
    begun = [path.name for path in (folder / "trials").glob("*")]
    if not begun:
        return []
    if isinstance(read_json(folder / "plan.json"), dict):
        return ["another version of this program made its plan.json, and its stages are not mixed with new"]
    finals = {trial.id: trial.final for trial in plan.trials}
    names = {trial.configuration for trial in plan.trials}
    results = {name: read_json(folder / "trials" / name / "result.json") for name in begun}
    chains = {name: it.get("chain") for name, it in results.items() if isinstance(it, dict)}
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
