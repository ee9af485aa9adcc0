"""What need not be trained: the same training under another name, and stages that other sweeps hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from search.exceptions import SpaceError
from search.execution.repair import damaged_files
from search.planning.jobs import Job, dump_config
from search.planning.plan import Plan
from search.planning.retention import find_deepest_epochs
from search.store.plan_file import stored_plan
from search.store.store import Store
from trainers.reading import read_json, read_yaml
from trainers.record_io import Place, Row, sealed, write_atomic, write_json
from trainers.shapes import check_result

COPIED = ("epochs.jsonl", "cost.jsonl", "instances.npz")


def copy_records(store: Store, trained: str, job: Job) -> None:
    """Give a trial the records of one whose chain is the same, bit for bit what training it would have recorded.

    `trained`: the id of that one, which has ended. If its records are torn they are left, and made again from stages.
    """
    source, target = store.trial(trained), store.trial(job.trial)
    result = read_json(source / "result.json", check_result)
    described_there = read_yaml(source / "config.yaml")
    if result is None or described_there is None or damaged_files(source, result):
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        write_atomic(target / name, (source / name).read_bytes())
    config = dump_config(job, described_there.get("ranks")).encode()
    write_atomic(target / "config.yaml", config)
    mine = {"trial": job.trial, "bytes": result.get("bytes", {}) | {"config.yaml": len(config)}}
    if "sha256" in result:
        mine["sha256"] = result["sha256"] | {"config.yaml": sha256(config).hexdigest()}
    own = {key: value for key, value in result.items() if key != "digest"} | mine
    write_json(target / "result.json", sealed(own))


def renamed_trials(folder: Place, plan: Plan) -> dict[str, str]:
    """Trials that a folder holds and the plan does not, by the name of their last state: of a space that has grown."""
    stored = stored_plan(folder)
    known = {trial.id for trial in plan.trials}
    rows = stored["trials"] if isinstance(stored, dict) else []
    return {row["chain"]: row["id"] for row in rows if row["id"] not in known}


class ReuseSummary(NamedTuple):
    """What another sweep gave."""

    states: int  # that were copied
    epochs: int  # that lie behind them
    common: int  # trainings that it has a state of, copied now or there already


def check_reused(others: Iterable[Place], own: Place) -> None:
    """Raises SpaceError where no sweep is stored, it cannot be read, or it is the sweep's own folder."""
    problems = []
    for folder in others:
        try:
            if folder == own or (isinstance(folder, Path) and isinstance(own, Path) and _same(folder, own)):
                itself = (
                    "is this sweep itself, which goes on from its own states anyway; with --name NEW another begins"
                )
                problems.append(f"--reuse {folder}: {itself}")
            elif stored_plan(folder) is None and not (folder / "stages").exists():
                problems.append(f"--reuse {folder}: no sweep is stored there; name a folder such as results/friendly_k")
        except OSError as error:
            problems.append(_unread(folder, error))
    if problems:
        raise SpaceError(problems)


def _same(folder: Path, own: Path) -> bool:
    return folder.exists() and own.exists() and folder.samefile(own)


def import_states(store: Store, plan: Plan, others: Iterable[Place]) -> dict[Place, ReuseSummary]:
    """Copy from other sweeps the deepest states that trainings of the plan have in common with them.

    Raises SpaceError if one cannot be listed.
    """
    taken: dict[Place, ReuseSummary] = {}
    for folder in others:
        other = Store(folder)
        theirs = find_deepest_epochs(plan, _listed(folder))
        have = find_deepest_epochs(plan, store.stored())
        deeper = {plan.trials[i].chain[e]: e for i, e in theirs.items() if e > have.get(i, 0)}
        for name in deeper:
            other.lend(name, store, folder.name)
        taken[folder] = ReuseSummary(len(deeper), sum(deeper.values()), len(theirs))
    return taken


class Remaining(NamedTuple):
    """What is left to do, of each training of a plan in its order."""

    ended: list[bool]  # whether it has its result
    epochs: list[int]  # that it adds to what is stored, a shared one by the first that lacks it


def remaining(folder: Place | None, plan: Plan, others: Iterable[Place] = ()) -> Remaining:
    """What a sweep in a folder, or begun anew, would still train with what others lend it.

    Raises SpaceError if one of them cannot be listed.
    """
    over = _ended(folder, plan) if folder else set()
    stored = Store(folder).stored() if folder else set()
    for other in others:
        stored |= _listed(other)
    ended = [trial.final in over for trial in plan.trials]
    at, tree = find_deepest_epochs(plan, stored), plan.tree
    done = [int(tree.lengths[i]) if it else at.get(i, 0) for i, it in enumerate(ended)]
    epochs = np.arange(tree.names.shape[1])
    rows, columns = np.nonzero((epochs > np.array(done)[:, None]) & (epochs <= tree.lengths[:, None]))
    _, first = np.unique(tree.names[rows, columns], return_index=True)
    return Remaining(ended, np.bincount(rows[first], minlength=len(ended)).tolist())


def _ended(folder: Place, plan: Plan) -> set[str]:
    """The last states of trainings that have their results, perhaps under other names."""
    store, renamed = Store(folder), renamed_trials(folder, plan)
    held = {trial.final: {trial.id, renamed.get(trial.final, trial.id)} for trial in plan.trials}
    return {final for final, ids in held.items() if any(store.result(name, final) for name in ids)}


def _listed(folder: Place) -> set[str]:
    try:
        return Store(folder).stored()
    except OSError as error:
        raise SpaceError([_unread(folder, error)]) from None


def _unread(folder: Place, error: OSError) -> str:
    return f"--reuse {folder}: cannot be read: {error.strerror or error}"


class DuplicateTrials:
    """Who trains for whom: the first of a plan's trials that have the same last state trains for all of them."""

    def __init__(self, store: Store, plan: Plan, renamed: Mapping[str, str], job: Callable[[int], Job]) -> None:
        """`renamed`: trainings that the folder holds under ids that the plan has not, by their last states."""
        self._store, self._plan, self._renamed, self._job = store, plan, renamed, job
        self._same: dict[str, list[int]] = defaultdict(list)  # by last state
        self._known = 0

    def first(self, i: int) -> int:
        """Who trains the i-th training of the plan."""
        return self._all(i)[0]

    def of(self, i: int) -> list[int]:
        """Whom a training is trained for besides itself."""
        return self._all(i)[1:]

    def adopt(self) -> None:
        """Give each what the same training has come to, under whichever name."""
        ended: dict[str, str] = {}
        results = [self._store.result(trial.id, trial.final) for trial in self._plan.trials]
        for trial, result in zip(self._plan.trials, results, strict=True):
            if result and (result["status"] != "stopped" or trial.final not in ended):
                ended[trial.final] = trial.id
        for i, trial in enumerate(self._plan.trials):
            source = ended.get(trial.final) or self._renamed.get(trial.final)
            if source and source != trial.id:
                self._give(source, i, results[i])

    def ended(self, i: int) -> None:
        """A training has its result: so have those that it was trained for."""
        for j in self.of(i):
            twin = self._plan.trials[j]
            self._give(self._plan.trials[i].id, j, self._store.result(twin.id, twin.final))

    def _give(self, source: str, i: int, known: Row | None) -> None:
        """One that was stopped has what it came to once it is trained to its end after all."""
        its = self._store.result(source, self._plan.trials[i].final)
        if its and (known is None or (known["status"] == "stopped" and its["status"] != "stopped")):
            copy_records(self._store, source, self._job(i))

    def _all(self, i: int) -> list[int]:
        for j in range(self._known, len(self._plan.trials)):  # a plan grows at its end
            self._same[self._plan.trials[j].final].append(j)
        self._known = len(self._plan.trials)
        return self._same[self._plan.trials[i].final]
