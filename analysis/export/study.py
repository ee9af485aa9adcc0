"""A sweep as a study of Optuna, whatever drew its configurations: a trial per training, for Optuna's own tools."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.results.optuna_study import (
    State,
    StudyTrial,
    build_study,
    import_optuna,
    list_parameters,
    read_domains,
)
from analysis.results.search_block import Objective, list_objectives, read_constraints
from analysis.results.sweep import Sweep, name_sweeps
from analysis.results.trial_table import COMPLETED, DIVERGED, STOPPED
from trainers.knobs import parse_share
from trainers.objectives import measure_violation
from trainers.record_io import write_atomic
from trainers.terminal.silence import silence_library

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study

DATABASES = (".db", ".sqlite3")
JOURNALS = (".log", ".journal")
STATES: dict[str, State] = {COMPLETED: "COMPLETE", STOPPED: "PRUNED", DIVERGED: "FAIL", "failed": "FAIL"}
IDENTITY = ("id", "configuration", "seed", "status", "name", "setting")
UNKNOWN_START = datetime(2000, 1, 1)  # of a sweep without provenance


def write_studies(sweeps: Sequence[Sweep], path: Path) -> dict[str, int]:
    """Write a study per sweep to an SQLite database or a journal, by the ending of the file's name.

    Returns the number of trials of each study. A file that is there is replaced once the new one is complete.
    """
    counts = {}
    import_optuna()  # first: its import sets the level of its own messages, which would undo the silence
    with silence_library("optuna"), TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        draft = Path(scratch) / path.name
        for name, sweep in zip(name_sweeps(sweeps), sweeps, strict=True):
            storage = _open_storage(draft)
            counts[name] = len(add_study(sweep, name, storage).trials)
            storage.remove_session()
        write_atomic(path, draft.read_bytes())
    return counts


def _open_storage(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    return (
        RDBStorage(f"sqlite:///{path}") if path.suffix in DATABASES else JournalStorage(JournalFileBackend(str(path)))
    )


def add_study(results: Sweep, name: str, storage: Any = None) -> Study:
    """Build the study of a sweep in a storage, or in memory.

    Its objectives are those of the search at its checkpoint. A completed training is COMPLETE, one that a rule stopped
    PRUNED, one that diverged or failed FAIL; one without a result is left out. User attributes are the identity of the
    training and its accuracies at both checkpoints. Times begin with the sweep: of a training only the length is
    recorded.
    """
    objectives, domains = list_objectives(results), read_domains(results)
    rows = results.study_trials[results.study_trials["status"].isin(STATES)]
    curves = _read_curves(results, objectives)
    parameters = {path: list_parameters(results.axes, path) for path in domains}
    trials = [_build_trial(results, row, objectives, parameters, curves) for row in rows.to_dict("records")]
    attributes = {"sweep": results.where, "checkpoint": objectives[0].checkpoint, "attacks": results.attacks}
    names = {objective.metric: objective.direction for objective in objectives}
    return build_study(name, names, domains, trials, storage, attributes)


def _build_trial(
    results: Sweep, row: dict[Any, Any], objectives: Sequence[Objective],
    parameters: dict[str, dict[str, float | str]], curves: dict[str, dict[int, float]],
) -> StudyTrial:  # fmt: skip
    values = tuple(float(row[objective.column]) for objective in objectives)
    state = STATES[row["status"]]
    if state == "COMPLETE" and not all(map(math.isfinite, values)):
        state = "FAIL"  # validation did not measure it, and Optuna takes no trial without a value for complete
    accuracies = [column for column in row if str(column).startswith(("best_", "last_"))]
    attributes = {name: row[name] for name in IDENTITY if pd.notna(row[name])}
    attributes |= {name: float(row[name]) for name in accuracies if pd.notna(row[name])}
    if math.isfinite(row["seconds_alone"]):
        attributes["seconds"] = row["seconds_alone"]
    started = _read_start(results)
    return StudyTrial(
        state=state,
        values=values if state == "COMPLETE" else (),
        parameters={path: found[row[path]] for path, found in parameters.items() if row[path]},
        attributes=attributes,
        violations=_measure_violations(results, row, objectives[0].checkpoint) if state == "COMPLETE" else {},
        curve=curves.get(row["id"], {}),
        started=started,
        ended=started + timedelta(seconds=attributes.get("seconds", 0.0)),
    )


def _read_start(results: Sweep) -> datetime:
    """Return when a sweep first started, in its own time zone, without the zone: as Optuna keeps times."""
    try:
        return datetime.fromisoformat(str(results.runs[0]["started"])).replace(tzinfo=None)
    except (IndexError, KeyError, ValueError):
        return UNKNOWN_START


def _measure_violations(results: Sweep, row: dict[Any, Any], checkpoint: str) -> dict[str, float]:
    """Return by how much a trial misses each constraint of the search; 0 or less where it keeps it."""
    found = {}
    for constraint in read_constraints(results):
        value = float(row.get(f"{checkpoint}_{constraint.metric}", math.nan))
        if math.isfinite(value):
            name = f"{constraint.metric} {constraint.sense} {constraint.bound}"
            found[name] = float(measure_violation(value, constraint.sense, float(parse_share(constraint.bound))))
    return found


def _read_curves(results: Sweep, objectives: Sequence[Objective]) -> dict[str, dict[int, float]]:
    """Return the objective at each measured epoch, by trial; empty for several, which Optuna has no curves of."""
    if len(objectives) > 1 or objectives[0].metric not in results.epochs:
        return {}
    known = results.epochs[["id", "epoch", objectives[0].metric]].dropna()
    return {
        str(trial): {int(epoch): float(value) for _, epoch, value in rows.itertuples(index=False)}
        for trial, rows in known.groupby("id")
    }
