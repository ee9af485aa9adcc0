"""A sweep's directory as tidy tables: one row a trial, one row an epoch, per-instance arrays on demand.

Only records are read, so an unfinished sweep, a torn file or a crashed trial loads like any other. What users named,
studies, labels, classes and attacks, is read with control characters as escapes: figures and pages are XML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.axes import Axes, read_axes, subset_kind
from analysis.gaps import begins, with_gaps
from analysis.instances import Instances, read_instances
from analysis.metrics import EPOCH_METRIC, comparable, told
from trainers.plans import NAME as PLAN
from trainers.plans import PlanFormatError, read_plan
from trainers.reading import Damage, expected_files, is_cost_row, is_epoch_row, read_json, read_rows
from trainers.record_io import Row
from trainers.records import constant
from trainers.shapes import check_provenance, check_result
from trainers.terminal.console import error_console
from trainers.terminal.text import escape_controls

EPOCHS, INSTANCES = "epochs.jsonl", "instances.npz"
COMPLETED = "completed"
DIVERGED = "diverged"
STOPPED = "stopped"  # by a rule of the search, before its last epoch
FORMULA = re.compile(r"[=@]|[+-](?![\d.]+%?$)")  # how text begins that a spreadsheet computes; "-1" is a number
WIDEST = 200  # letters of a line that sums results up
IDENTITY = ("id", "kind", "configuration", "replicate", "seed")


class SweepError(Exception):
    """A folder cannot be analysed; the message says where, what was found and what to do."""


@dataclass(frozen=True, repr=False)
class Results:
    """All that a sweep recorded. `trials` has a column of labels per axis, named by the axis' dotted path."""

    folder: Path
    plan: Row
    runs: list[Row]  # provenance, one entry per start of the sweep
    trials: pd.DataFrame
    epochs: pd.DataFrame
    outcomes: dict[str, Row]  # id -> result.json, where there is one
    axes: Axes
    where: str  # the folder, or the URL that it is a copy of
    damage: Damage  # what of its records is damaged and left out; it grows as further ones are read

    def __repr__(self) -> str:
        """Five lines; the tables would fill a notebook."""
        states = ", ".join(f"{n} {status}" for status, n in self.sweep["status"].value_counts().items())
        axes = "; ".join(f"{path}: {self.axes.span(path)}" for path in self.axes.varying) or "none"
        attacks = "; ".join(f"{name}: {text}" for name, text in self.attacks.items()) or "none recorded"
        lines = (
            f"Results of {self.study} ({self.where})",
            f"trials: {len(self.sweep)} ({states}), of {self.sweep['configuration'].nunique()} configurations",
            f"axes: {axes}",
            f"epochs: {len(self.epochs)} rows; attacks: {attacks}",
            ".trials .tidy .epochs are tables, .instances(id) the arrays of one trial",
        )
        return "\n".join(escape_controls(line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…") for line in lines)

    @property
    def study(self) -> str:
        """The study's name."""
        return escape_controls(str(self.plan.get("study") or self.folder.name))

    @property
    def sweep(self) -> pd.DataFrame:
        """The trials without those that only profile the data or make weights to start from."""
        return self.trials[self.trials["kind"] == "trial"]

    @property
    def tidy(self) -> pd.DataFrame:
        """The trials with numeric axes as numbers, a share as 0.2, NaN where the axis does not act."""
        numeric = [path for path in self.axes.paths if self.axes.numeric(path)]
        columns = {path: [self.axes.number(path, label) for label in self.trials[path]] for path in numeric}
        return self.trials.assign(**columns)

    @cached_property
    def attacks(self) -> dict[str, str]:
        """What each attack was, in words, as the first trial that used it says."""
        found: dict[str, str] = {}
        for outcome in self.outcomes.values():
            for name, text in told(outcome.get("attacks", {})).items():
                found.setdefault(name, escape_controls(text))
        return found

    @property
    def along(self) -> list[str]:
        """The further attacks that were run along training, beside the PGD by which validation selects."""
        return [*self.plan.get("evaluate", {}).get("along", {})]

    @cached_property
    def selects(self) -> bool:
        """Whether validation chose a best checkpoint of every training; not where some hold out no validation split."""
        done = self.sweep[self.sweep["status"] == COMPLETED]
        return bool(done["best_epoch"].notna().all())

    @property
    def checkpoint(self) -> str:
        """The checkpoint whose numbers stand for a training: the best, or the last where nothing is selected."""
        return "best" if self.selects else "last"

    @property
    def test_examples(self) -> float:
        """The size of the largest test set of its trials; infinite where none says it."""
        sizes = self.sweep["test_examples"].dropna()
        return float(sizes.max()) if len(sizes) else np.inf

    def final_metrics(self) -> list[str]:
        """The metrics that every completed trial has at its last epoch."""
        done = self.sweep[self.sweep["status"] == COMPLETED]
        everywhere = [str(name) for name in done if len(done) and done[name].notna().all()]
        names = [name for name in everywhere if name.startswith("last_") and name.endswith("_acc")]
        return [name.removeprefix("last_") for name in names]

    @cached_property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """Map each trial's id to the names of its classes, in order, as any trial on the same data recorded them.

        A trial has no names where its data has only numbers, or where all trials on it ran before names were recorded.
        """
        known: dict[str, tuple[str, ...]] = {}
        for trial, problem in zip(self.trials["id"], self.trials["problem"], strict=True):
            names = self.outcomes.get(trial, {}).get("class_names")
            if isinstance(names, list) and names:
                known.setdefault(problem, tuple(escape_controls(str(name)) for name in names))
        pairs = zip(self.trials["id"], self.trials["problem"], strict=True)
        return {trial: known.get(problem, ()) for trial, problem in pairs}

    def instances(self, trial: str) -> Instances | None:
        """What a trial recorded of each example; None where it did not."""
        path = self.folder / "trials" / trial / INSTANCES
        return read_instances(path, self.damage, expected_files(self.outcomes.get(trial)).get(INSTANCES))

    def damaged(self) -> list[str]:
        """Which records are damaged and left out, a line each."""
        return [line.replace(str(self.folder), self.where, 1) for line in self.damage.lines()]

    def export(self, folder: Path) -> list[Path]:
        """Write both tables as CSV and Parquet."""
        return [
            path
            for name, table in (("trials", self.tidy), ("epochs", self.epochs))
            for path in export(table, folder, name)
        ]


def tell_damage(sweeps: Iterable[Results]) -> None:
    """Say on stderr which records were left out, once all is read."""
    for line in dict.fromkeys(line for sweep in sweeps for line in sweep.damaged()):
        error_console().print(f"note: {line}; it is left out")


def load(folder: Path | str, where: str | None = None) -> Results:
    """Read a sweep's directory; `where`: the URL that it is a copy of.

    Raises SweepError where the folder is none.
    """
    folder, damage = Path(folder), Damage()
    plan = _plan(folder, damage)
    axes = read_axes(plan)
    provenance = read_json(folder / "provenance.json", check_provenance, damage) or {}
    rows, epochs, outcomes = [], [], {}
    problems: dict[str, str] = {}  # of a configuration: its first seed's, as a seed may also draw the data
    for planned in plan["trials"]:
        place, configuration = folder / "trials" / planned["id"], planned["configuration"]
        outcome = read_json(place / "result.json", check_result, damage)
        records = read_rows(place / EPOCHS, is_epoch_row, damage, expected_files(outcome).get(EPOCHS))
        if outcome is not None:
            outcomes[planned["id"]] = outcome
        problems.setdefault(configuration, json.dumps(planned.get("config", {}).get("data", {}), sort_keys=True))
        row = _identity(planned, axes) | {"problem": problems[configuration]}
        row |= {"status": _status(place, outcome, records, damage), "epochs_done": len(records)}
        costs = read_rows(place / "cost.jsonl", is_cost_row, damage)
        rows.append(row | _costs(costs, planned["id"]) | _outcome(outcome or {}))
        epochs.append(((planned["id"], configuration, planned["replicate"]), records))
    trials, epoch_table = _marked(pd.DataFrame(_sorted(rows, axes))), _epoch_table(epochs)
    trials["select_from"] = trials["id"].map(begins(epoch_table)).fillna(0)
    trials = with_gaps(trials, epoch_table)
    runs, where = provenance.get("runs", []), where or str(folder)
    return Results(folder, plan, runs, trials, epoch_table, outcomes, axes, where, damage)


def export(table: pd.DataFrame, folder: Path, name: str) -> list[Path]:
    """Write one table as CSV and as Parquet.

    In CSV, which spreadsheets open, text that they would take for a formula begins with an apostrophe, and control
    characters are escapes.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    folder.mkdir(parents=True, exist_ok=True)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    paths = [folder / f"{name}.csv", folder / f"{name}.parquet"]
    shown = pa.Table.from_pandas(_unformulated(table), preserve_index=False)
    csv.write_csv(shown, paths[0], csv.WriteOptions(quoting_style="needed"))
    parquet.write_table(arrow, paths[1])
    return paths


def _unformulated(table: pd.DataFrame) -> pd.DataFrame:
    """A table in whose text cells nothing is a formula: =HYPERLINK(…), or @SUM(…); numbers keep their signs."""

    def quoted(value: Any) -> Any:
        return escape_controls(f"'{value}" if FORMULA.match(value) else value) if isinstance(value, str) else value

    shown = {str(column): table[column].map(quoted) if table[column].dtype.kind not in "biuf" else table[column]
              for column in table}  # fmt: skip
    return pd.DataFrame({quoted(column): values for column, values in shown.items()}, index=table.index)


def _plan(folder: Path, damage: Damage) -> Row:
    try:
        plan = read_plan(folder, damage, ("replicate", "axes"))
    except PlanFormatError as error:
        raise SweepError(f"{folder}: {error}; take the version that made it") from None
    if not plan or not plan["trials"]:
        raise SweepError(_no_sweep(folder, damage.get(str(folder / PLAN), "it plans no trial")))
    for planned in plan["trials"]:
        planned["axes"] = {path: escape_controls(str(label)) for path, label in planned["axes"].items()}
    return plan


def _no_sweep(folder: Path, what: str) -> str:
    if re.match(r"[a-z0-9]+:/", str(folder)):  # of a URL's slashes a path keeps one
        return f"{folder}: a URL; `python -m analysis.mirror URL FOLDER` copies its records to a folder, give that"
    if not folder.exists():
        found = "no such folder"
    elif not (folder / PLAN).exists():
        found = f"not the directory of a sweep: it has no {PLAN}"
    else:
        found = f"its {PLAN} is damaged: {what}; the command that ran the sweep makes it again"
    near = sorted(path.parent.name for path in folder.parent.glob("*/plan.json")) if folder.parent.exists() else []
    hint = f"; sweeps beside it: {', '.join(near[:5])}" if near else ""
    return f"{folder}: {found}; give the folder a sweep was written to, such as results/friendly_k{hint}"


def _status(place: Path, outcome: Row | None, records: list[Row], damage: Damage) -> str:
    if outcome is not None:
        return str(outcome["status"])
    if (place / "error.txt").exists():
        return "failed"
    if str(place / "result.json") in damage:
        return "damaged"
    return "running" if records else "planned"


def _identity(planned: Row, axes: Axes) -> Row:
    """What the plan says of a trial: its identity, its labels, and names for humans."""
    labels = {path: str(label) for path, label in planned["axes"].items()}
    row: Row = {key: planned.get(key) for key in IDENTITY} | {path: labels.get(path, "") for path in axes.paths}
    names = axes.names(labels, str(planned["configuration"]))
    row |= {"setting": names.setting, "family": names.family, "subset_label": names.subset}
    row |= {"choice": names.choice, "name": names.name}
    varied = {path: label for path, label in labels.items() if path in axes.subset}
    row["subset_kind"] = subset_kind(planned.get("config", {}).get("subset"), varied)
    return row | {"epochs_planned": planned.get("epochs")}


def _costs(costs: list[Row], trial: str) -> Row:
    """Seconds of a trial: alone, as if trained from scratch, and billed, less the epochs that others trained for it."""
    kinds = ("seconds", "evaluate_seconds", "final_seconds")
    seconds = [sum(cost.get(kind, 0.0) for kind in kinds) for cost in costs]
    own = [cost.get("by", trial) == trial for cost in costs]
    return {
        "epochs_billed": sum(mine for mine, cost in zip(own, costs, strict=True) if "seconds" in cost),
        "seconds_alone": sum(seconds) if costs else float("nan"),
        "seconds_billed": sum(it for mine, it in zip(own, seconds, strict=True) if mine) if costs else float("nan"),
    }


def _outcome(outcome: Row) -> Row:
    """The columns that a result fills: metrics of both checkpoints, subset, size of the test set."""
    subset, attacks = outcome.get("subset", {}), outcome.get("attacks", {})
    masking = comparable(attacks.get("pgd", ""), attacks.get("aa", ""), outcome.get("data", {}).get("test", np.inf))
    ended = outcome if outcome.get("status") == COMPLETED else {}  # what was stopped has those so far, for the search
    row: Row = {"best_epoch": ended.get("best", {}).get("epoch", np.nan)}
    for checkpoint in ("best", "last"):
        unknown = dict.fromkeys(ended.get("last", {}), np.nan)  # of the best, where validation chose none
        found = ended.get(checkpoint, unknown).items()
        metrics = {key: value for key, value in found if key not in ("epoch", "constant")}
        named = constant(ended, checkpoint)
        row[f"{checkpoint}_constant"] = np.nan if named is None else named
        gaps = [metrics.pop(name) for name in [*metrics] if name.endswith("_gap")]  # of AutoAttacks, on their images
        if gaps:
            metrics["gradient_masking_gap"] = max(gaps)
        elif masking and "test_aa_acc" in metrics:  # an older record; of other images it would be one between images
            metrics["gradient_masking_gap"] = metrics[EPOCH_METRIC] - metrics["test_aa_acc"]
        row |= {f"{checkpoint}_{key}": value for key, value in metrics.items()}
    row["subset_size"] = subset.get("size", outcome.get("data", {}).get("train", np.nan))
    row |= {key: subset.get(key, np.nan) for key in ("flipped_in", "flipped_out")}
    row["test_examples"] = outcome.get("data", {}).get("test", np.nan)
    row["burn_in"] = outcome.get("burn_in", 0)
    row["diverged_epoch"] = outcome.get("diverged", {}).get("epoch", np.nan)
    return row


def _sorted(rows: list[Row], axes: Axes) -> list[Row]:
    """Trials before what was trained for them, then by the axes' values: one order in every table and figure."""
    return sorted(
        rows,
        key=lambda r: (
            r["kind"] != "trial",
            r["kind"] != "profile",
            [axes.rank(p, r[p]) for p in axes.paths],
            r["replicate"],
        ),
    )


def _marked(trials: pd.DataFrame) -> pd.DataFrame:
    """The table of trials where a number misleads wherever a configuration is named: it then says why.

    A constant network names one class whatever the image; a best epoch within a training's own burn-in, before its
    weights or targets act, averages are taken or examples are dropped, says nothing of these.
    """
    best, last = (trials[f"{checkpoint}_constant"].notna() for checkpoint in ("best", "last"))
    early = trials["best_epoch"] < trials["burn_in"]
    by = trials.groupby("configuration")
    for found, mark in (
        (last & ~best.groupby(trials["configuration"]).transform("any"), "constant at the last epoch"),
        (best, "constant"),
        (early, "best within its burn-in"),
    ):
        counts = found.groupby(trials["configuration"]).transform("sum")
        marks = [
            f" ({'' if few == of else f'{few} of {of} '}{mark})" * bool(few)
            for few, of in zip(counts, by["id"].transform("size"), strict=True)
        ]
        trials = trials.assign(**{column: trials[column] + marks for column in ("choice", "name")})
    return trials


def _epoch_table(recorded: Iterable[tuple[tuple[Any, ...], list[Row]]]) -> pd.DataFrame:
    """One row an epoch; built by columns, which for many thousand rows is far quicker than row by row."""
    pairs = [(key, row) for key, rows in recorded for row in rows]
    names = dict.fromkeys(name for _, row in pairs for name in row)
    columns: dict[str, Any] = {
        identity: [key[place] for key, _ in pairs]
        for place, identity in enumerate(("id", "configuration", "replicate"))
    }
    columns |= {name: [row.get(name, np.nan) for _, row in pairs] for name in names}
    columns.setdefault("epoch", [])
    return pd.DataFrame(columns)
