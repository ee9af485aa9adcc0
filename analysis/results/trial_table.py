"""The records of a sweep's trials as tables: one row a trial, one row an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.results.axes import Axes, name_subset_kind
from analysis.results.gaps import add_gaps, find_selection_starts
from analysis.results.metrics import ACCURACY, BOUND, CHECKPOINTS, EPOCH_METRIC, is_comparable, name_bound
from trainers.problems import identify_problem
from trainers.record_io import Row
from trainers.record_reader import Damage, expected_files, is_cost_row, is_epoch_row, read_json, read_rows
from trainers.record_shapes import check_result
from trainers.records import find_constant_class

COMPLETED = "completed"
DIVERGED = "diverged"
STOPPED = "stopped"  # by a rule of the search, before its last epoch
OPEN = BEGUN, PLANNED = "begun", "planned"  # not ended: with epochs or without; whether one runs no record says
EPOCHS = "epochs.jsonl"
IDENTITY = ("id", "kind", "configuration", "replicate", "seed")


class _EpochColumns(NamedTuple):
    """The epochs of a trial, by columns: as rows those of a sweep take most of the time and memory of reading it."""

    identity: tuple[Any, ...]  # id, configuration and replicate
    epochs: int
    columns: dict[str, np.ndarray]  # (epochs,) each


class TrialTables(NamedTuple):
    """The records of the trials of a plan."""

    trials: pd.DataFrame  # a column of labels per axis, named by the axis' dotted path
    epochs: pd.DataFrame
    outcomes: dict[str, Row]  # id -> result.json, where there is one


def read_trials(folder: Path, plan: Row, axes: Axes, damage: Damage) -> TrialTables:
    """Read the records of all trials of a plan; those that are damaged are left out and added to `damage`."""
    rows, epochs, outcomes = [], [], {}
    problems: dict[str, str] = {}  # configuration -> the data of its first seed, as a seed may also draw the data
    for planned in plan["trials"]:
        trial_folder, configuration = folder / "trials" / planned["id"], planned["configuration"]
        outcome = read_json(trial_folder / "result.json", check_result, damage)
        records = read_rows(trial_folder / EPOCHS, is_epoch_row, damage, expected_files(outcome).get(EPOCHS))
        if outcome is not None:
            outcomes[planned["id"]] = outcome
        problems.setdefault(configuration, identify_problem(planned.get("config", {})))
        row = _identity_columns(planned, axes) | {"problem": problems[configuration]}
        row |= {"status": _status(trial_folder, outcome, records, damage), "epochs_done": len(records)}
        costs = read_rows(trial_folder / "cost.jsonl", is_cost_row, damage)
        rows.append(row | _cost_columns(costs, planned["id"]) | _outcome_columns(outcome or {}))
        identity = (planned["id"], configuration, planned["replicate"])
        epochs.append(_EpochColumns(identity, len(records), _to_columns(records)))
    trials, epoch_table = _with_warnings(pd.DataFrame(_sorted(rows, axes))), _epoch_table(epochs)
    trials = _settle_bounds(trials)
    trials["select_from"] = trials["id"].map(find_selection_starts(epoch_table)).fillna(0)
    return TrialTables(add_gaps(trials, epoch_table), epoch_table, outcomes)


def _status(folder: Path, outcome: Row | None, records: list[Row], damage: Damage) -> str:
    """Return how a trial ended, or how far it has come."""
    if outcome is not None:
        return str(outcome["status"])
    if (folder / "error.txt").exists():
        return "failed"
    if str(folder / "result.json") in damage:
        return "damaged"
    return BEGUN if records else PLANNED


def _identity_columns(planned: Row, axes: Axes) -> Row:
    """Return what the plan says of a trial: its identity, its labels, and names for humans."""
    labels = {path: str(label) for path, label in planned["axes"].items()}
    row: Row = {key: planned.get(key) for key in IDENTITY} | {path: labels.get(path, "") for path in axes.paths}
    names = axes.names(labels, str(planned["configuration"]))
    row |= {"setting": names.setting, "family": names.family, "subset_label": names.subset}
    row |= {"choice": names.choice, "name": names.name}
    varied = {path: label for path, label in labels.items() if path in axes.subset}
    row["subset_kind"] = name_subset_kind(planned.get("config", {}).get("subset"), varied)
    return row | {"epochs_planned": planned.get("epochs")}


def _cost_columns(costs: list[Row], trial: str) -> Row:
    """Return a trial's seconds: `alone`, as if trained from scratch; `billed`, without epochs that others trained.

    `seconds_training` is the part of `alone` that is no measurement.
    """
    seconds = [  # written out, as a sweep has hundreds of thousands
        cost.get("seconds", 0.0) + cost.get("evaluate_seconds", 0.0) + cost.get("final_seconds", 0.0) for cost in costs
    ]
    billed = [cost.get("by", trial) == trial for cost in costs]
    return {
        "epochs_billed": sum(paid for paid, cost in zip(billed, costs, strict=True) if "seconds" in cost),
        "seconds_training": sum(cost.get("seconds", 0.0) for cost in costs) if costs else float("nan"),
        "seconds_alone": sum(seconds) if costs else float("nan"),
        "seconds_billed": sum(time for paid, time in zip(billed, seconds, strict=True) if paid)
        if costs
        else float("nan"),
    }


NO_METRICS = ("epoch", "constant", "warnings", "margin_order", "bounds")  # of a checkpoint


def _outcome_columns(outcome: Row) -> Row:
    """Return the columns that a result fills: metrics of both checkpoints, subset, size of the test set."""
    subset, attacks = outcome.get("subset", {}), outcome.get("attacks", {})
    masking = is_comparable(attacks.get("pgd", ""), attacks.get("aa", ""), outcome.get("data", {}).get("test", np.inf))
    # a stopped trial has metrics so far, which are the search's alone
    completed = outcome if outcome.get("status") == COMPLETED else {}
    row: Row = {"best_epoch": completed.get("best", {}).get("epoch", np.nan)}
    for checkpoint in CHECKPOINTS:
        unknown = dict.fromkeys(completed.get("last", {}), np.nan)  # there is no best where validation chose none
        found = completed.get(checkpoint, unknown).items()
        metrics = {key: value for key, value in found if key not in NO_METRICS}
        constant_class = find_constant_class(completed, checkpoint)
        row[f"{checkpoint}_constant"] = np.nan if constant_class is None else constant_class
        gaps = [metrics.pop(name) for name in [*metrics] if name.endswith("_gap")]  # one an AutoAttack, on its images
        if gaps:
            metrics["gradient_masking_gap"] = max(gaps)
        elif masking and "test_aa_acc" in metrics:  # an older record; on other images the gap would mix two image sets
            metrics["gradient_masking_gap"] = metrics[EPOCH_METRIC] - metrics["test_aa_acc"]
        row |= {f"{checkpoint}_{key}": value for key, value in metrics.items()}
        bounds = completed.get(checkpoint, {}).get("bounds", {})
        row |= {f"{checkpoint}_{name_bound(f'test_{name}_acc')}": value for name, value in bounds.items()}
    row["subset_size"] = subset.get("size", outcome.get("data", {}).get("train", np.nan))
    row |= {key: subset.get(key, np.nan) for key in ("flipped_in", "flipped_out")}
    row["test_examples"] = outcome.get("data", {}).get("test", np.nan)
    row["burn_in"] = outcome.get("burn_in", 0)
    row["diverged_epoch"] = outcome.get("diverged", {}).get("epoch", np.nan)
    return row


def mark_constant(trials: pd.DataFrame, checkpoints: Iterable[str] = CHECKPOINTS) -> pd.Series:
    """Return which trials have a constant network at any of some checkpoints: it names one class for all images."""
    return trials[[f"{checkpoint}_constant" for checkpoint in checkpoints]].notna().any(axis=1)


def _sorted(rows: list[Row], axes: Axes) -> list[Row]:
    """Sort trials before what was trained for them, then by the axes' values: one order in every table and figure."""
    return sorted(
        rows,
        key=lambda row: (
            row["kind"] != "trial",
            row["kind"] != "profile",
            [axes.rank(path, row[path]) for path in axes.paths],
            row["replicate"],
        ),
    )


def _with_warnings(trials: pd.DataFrame) -> pd.DataFrame:
    """Add a warning to the names of configurations whose numbers mislead.

    A constant network names one class whatever the image. A selected epoch within a training's own burn-in, before its
    weights or targets act, averages are taken or examples are dropped, says nothing of these.
    """
    best, last = (mark_constant(trials, (checkpoint,)) for checkpoint in CHECKPOINTS)
    early = trials["best_epoch"] < trials["burn_in"]
    by = trials.groupby("configuration")
    for found, warning in (
        (last & ~best.groupby(trials["configuration"]).transform("any"), "constant at the last epoch"),
        (best, "constant"),
        (early, "selected within its burn-in"),
    ):
        counts = found.groupby(trials["configuration"]).transform("sum")
        warnings = [
            f" ({'' if count == total else f'{count} of {total} '}{warning})" * bool(count)
            for count, total in zip(counts, by["id"].transform("size"), strict=True)
        ]
        trials = trials.assign(**{column: trials[column] + warnings for column in ("choice", "name")})
    return trials


def _settle_bounds(trials: pd.DataFrame) -> pd.DataFrame:
    """Leave each configuration either verdicts of an attack for the front or their upper bounds, never some of both.

    A mean over those of its seeds that were attacked would be of other seeds than the means beside it.
    """
    for bound in [column for column in map(str, trials) if column.endswith(BOUND)]:
        metric = bound.removesuffix(BOUND) + ACCURACY
        verdicts = trials.get(metric, pd.Series(np.nan, trials.index))
        lacks = (trials["status"] == COMPLETED) & verdicts.isna()
        is_bounded = lacks.groupby(trials["configuration"]).transform("any")
        trials = trials.assign(
            **{metric: verdicts.mask(is_bounded), bound: trials[bound].fillna(verdicts).where(is_bounded)}
        )
    return trials


def _to_columns(rows: list[Row]) -> dict[str, np.ndarray]:
    """Return the numbers of some rows by name, (rows,) each; NaN for a row that lacks the name."""
    kinds = dict.fromkeys(map(tuple, rows))  # the names that rows have, of which there are a few sets
    if len(kinds) == 1:
        values = zip(*(row.values() for row in rows), strict=True)
        return {name: np.array(column) for name, column in zip(next(iter(kinds)), values, strict=True)}
    names = dict.fromkeys(name for kind in kinds for name in kind)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def _epoch_table(parts: Sequence[_EpochColumns]) -> pd.DataFrame:
    """Build one row an epoch."""
    names = dict.fromkeys(name for part in parts for name in part.columns)
    columns: dict[str, Any] = {
        identity: [part.identity[place] for part in parts for _ in range(part.epochs)]
        for place, identity in enumerate(("id", "configuration", "replicate"))
    }
    for name in names:
        found = [part.columns.get(name, np.full(part.epochs, np.nan)) for part in parts if part.epochs]
        columns[name] = np.concatenate(found)
    columns.setdefault("epoch", [])
    return pd.DataFrame(columns)
