"""Reuse of stored results: identical trainings under other names, and stages of other sweeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from search.exceptions import SpaceError
from search.execution.repair import find_damaged_files
from search.planning.jobs import Job, dump_config
from search.planning.measurements import has_more_attacks, is_unmeasured
from search.planning.plan import Plan, PlannedTrial
from search.planning.retention import find_deepest_epochs
from search.store.plan_file import find_plan
from search.store.stages import DIAGNOSTICS, INSTANCES
from search.store.store import Store
from trainers.record_io import Place, Row, sealed, write_atomic, write_json
from trainers.record_reader import read_json, read_yaml
from trainers.record_shapes import check_result

COPIED_FILES = ("epochs.jsonl", "cost.jsonl", INSTANCES)


def copy_records(store: Store, trained: str, job: Job) -> None:
    """Copy the records of an identical training to a trial.

    All but the times in cost.jsonl is bit for bit what the trial's own training would have recorded.
    `trained` is the id of a trial with the same chain that has ended. If its records are damaged nothing is copied;
    they are made again from stages.
    """
    source, target = store.trial_folder(trained), store.trial_folder(job.trial)
    result = read_json(source / "result.json", check_result)
    source_config = read_yaml(source / "config.yaml")
    if result is None or source_config is None or find_damaged_files(source, result):
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in (*COPIED_FILES, *[DIAGNOSTICS] * (DIAGNOSTICS in result.get("bytes", {}))):
        write_atomic(target / name, (source / name).read_bytes())
    config = dump_config(job, source_config.get("ranks")).encode()
    write_atomic(target / "config.yaml", config)
    changes = {"trial": job.trial, "bytes": result.get("bytes", {}) | {"config.yaml": len(config)}}
    if "sha256" in result:
        changes["sha256"] = result["sha256"] | {"config.yaml": sha256(config).hexdigest()}
    copied = {key: value for key, value in result.items() if key != "digest"} | changes
    write_json(target / "result.json", sealed(copied))


def find_renamed_trials(folder: Place, plan: Plan) -> dict[str, str]:
    """Return stored trials that are not in the plan, by their last states; an extended space has renamed them."""
    stored = find_plan(folder)
    known = {trial.id for trial in plan.trials}
    rows = stored["trials"] if isinstance(stored, dict) else []
    return {row["chain"]: row["id"] for row in rows if row["id"] not in known}


class ReuseSummary(NamedTuple):
    """The states imported from another sweep."""

    states: int  # copied
    epochs: int  # that led to them
    common: int  # trainings with a state in the other sweep, copied now or earlier


def check_reused(others: Iterable[Place], own_folder: Place) -> None:
    """Raise SpaceError if a folder holds no sweep, cannot be read, or is the sweep's own folder."""
    problems = []
    for folder in others:
        try:
            if _is_same_folder(folder, own_folder):
                why = "is this sweep itself, which goes on from its own states anyway; with --name NEW another begins"
                problems.append(f"--reuse {folder}: {why}")
            elif find_plan(folder) is None and not (folder / "stages").exists():
                problems.append(f"--reuse {folder}: no sweep is stored there; name a folder such as results/friendly_k")
        except OSError as error:
            problems.append(_describe_unreadable(folder, error))
    if problems:
        raise SpaceError(problems)


def _is_same_folder(folder: Place, other: Place) -> bool:
    if isinstance(folder, Path) and isinstance(other, Path) and folder.exists() and other.exists():
        return folder.samefile(other)
    return folder == other


def import_states(store: Store, plan: Plan, others: Iterable[Place]) -> dict[Place, ReuseSummary]:
    """Copy the deepest states that trainings of the plan share with other sweeps.

    Raises SpaceError if a sweep cannot be listed.
    """
    imported: dict[Place, ReuseSummary] = {}
    for folder in others:
        other = Store(folder)
        available = find_deepest_epochs(plan, _list_states(folder))
        stored = find_deepest_epochs(plan, store.list_states())
        deeper = {plan.trials[i].chain[epoch]: epoch for i, epoch in available.items() if epoch > stored.get(i, 0)}
        for name in deeper:
            other.copy_state_to(name, store, folder.name)
        imported[folder] = ReuseSummary(len(deeper), sum(deeper.values()), len(available))
    return imported


class RemainingWork(NamedTuple):
    """The remaining work of each training of a plan, in its order."""

    ended: list[bool]  # whether the training has its result
    epochs: list[int]  # to train; a shared epoch counts for the first training that lacks it
    unmeasured: int = 0  # trainings that have their results and lack measurements that the plan asks for


def count_remaining(folder: Place | None, plan: Plan, others: Iterable[Place] = ()) -> RemainingWork:
    """Count the epochs that a sweep, stored or new (None), would still train with the states of `others`.

    Raises SpaceError if another sweep cannot be listed.
    """
    finals = _list_ended(folder, plan) if folder else set()
    stored = Store(folder).list_states() if folder else set()
    for other in others:
        stored |= _list_states(other)
    ended = [trial.final in finals for trial in plan.trials]
    deepest, tree = find_deepest_epochs(plan, stored), plan.tree
    done = [int(tree.lengths[i]) if is_ended else deepest.get(i, 0) for i, is_ended in enumerate(ended)]
    epochs = np.arange(tree.names.shape[1])
    rows, columns = np.nonzero((epochs > np.array(done)[:, None]) & (epochs <= tree.lengths[:, None]))
    _, first = np.unique(tree.names[rows, columns], return_index=True)
    remaining = np.bincount(rows[first], minlength=len(ended)).tolist()
    return RemainingWork(ended, remaining, _count_unmeasured(Store(folder), plan) if folder else 0)


def _count_unmeasured(store: Store, plan: Plan) -> int:
    results = ((trial, store.read_result(trial.id, trial.final)) for trial in plan.trials)
    return sum(is_unmeasured(store, trial.id, row, plan.evaluation, trial.corrupted) for trial, row in results)


def _list_ended(folder: Place, plan: Plan) -> set[str]:
    """Return the last states of trainings that have their results, under any name."""
    store, renamed = Store(folder), find_renamed_trials(folder, plan)
    names = {trial.final: {trial.id, renamed.get(trial.final, trial.id)} for trial in plan.trials}
    return {final for final, ids in names.items() if any(store.read_result(name, final) for name in ids)}


def _list_states(folder: Place) -> set[str]:
    try:
        return Store(folder).list_states()
    except OSError as error:
        raise SpaceError([_describe_unreadable(folder, error)]) from None


def _describe_unreadable(folder: Place, error: OSError) -> str:
    return f"--reuse {folder}: cannot be read: {error.strerror or error}"


def _tells_more(result: Row, other: Row) -> bool:
    """Return whether a result is of a training to its end and another was stopped, or has further attacks."""
    if "stopped" in (result["status"], other["status"]):
        return other["status"] == "stopped" != result["status"]
    return has_more_attacks(result, other)


class DuplicateTrials:
    """Groups of trials with the same last state: the first of each group trains for all of them."""

    def __init__(self, store: Store, plan: Plan, renamed: Mapping[str, str], job: Callable[[int], Job]) -> None:
        """Group the trials of a plan; `renamed` maps last states to stored trainings whose ids are not in it."""
        self._store, self._plan, self._renamed, self._job = store, plan, renamed, job
        self._same: dict[str, list[int]] = defaultdict(list)  # by last state
        self._known = 0

    def find_representative(self, i: int) -> int:
        """Return the training that trains for the i-th training of the plan, perhaps itself."""
        return self._find_group(i)[0]

    def find_duplicates(self, i: int) -> list[int]:
        """Return the other trainings that the i-th training, the first of its group, trains for."""
        return self._find_group(i)[1:]

    def copy_known_results(self) -> None:
        """Copy the stored result of an identical training, under any name, to each trial that lacks it."""
        ended: dict[str, str] = {}
        chosen: dict[str, Row] = {}  # by last state
        results = [self._store.read_result(trial.id, trial.final) for trial in self._plan.trials]
        for trial, result in zip(self._plan.trials, results, strict=True):
            if result and (trial.final not in ended or _tells_more(result, chosen[trial.final])):
                ended[trial.final], chosen[trial.final] = trial.id, result
        for i, trial in enumerate(self._plan.trials):
            source = ended.get(trial.final) or self._renamed.get(trial.final)
            if source and source != trial.id:
                self._copy_if_newer(source, i, results[i])

    def copy_result(self, i: int) -> None:
        """Copy the new result of the i-th training to its duplicates."""
        for j in self.find_duplicates(i):
            duplicate = self._plan.trials[j]
            known = self._store.read_result(duplicate.id, duplicate.final)
            self._copy_if_newer(self._plan.trials[i].id, j, known)

    def _copy_if_newer(self, source: str, i: int, known: Row | None) -> None:
        """Copy the result of `source` if trial i has none, or one that tells less."""
        trial = self._plan.trials[i]
        result = self._store.read_result(source, trial.final)
        if result and (known is None or _tells_more(result, known) or self._lacks(trial, known, source, result)):
            copy_records(self._store, source, self._job(i))

    def _lacks(self, trial: PlannedTrial, known: Row, source: str, result: Row) -> bool:
        """Return whether a trial lacks a measurement of its last state, and an identical training does not."""
        trials, corrupted = ((trial.id, known), (source, result)), trial.corrupted
        one, other = (is_unmeasured(self._store, trial, row, self._plan.evaluation, corrupted) for trial, row in trials)
        return one and not other

    def _find_group(self, i: int) -> list[int]:
        for j in range(self._known, len(self._plan.trials)):  # a plan grows at its end
            self._same[self._plan.trials[j].final].append(j)
        self._known = len(self._plan.trials)
        return self._same[self._plan.trials[i].final]
