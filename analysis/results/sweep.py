"""A sweep's directory as tidy tables: one row a trial, one row an epoch, per-instance arrays on demand.

Only records are read, so an unfinished sweep, a torn file or a crashed trial loads like any other. Studies, labels,
classes and attacks, which users named, are read with control characters as escapes: figures and pages are XML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.exceptions import SweepError
from analysis.results.axes import Axes, read_axes
from analysis.results.diagnostics import Diagnostics, open_diagnostics
from analysis.results.instances import Instances, open_instances
from analysis.results.metrics import ACCURACY, BOUND, complete_descriptions
from analysis.results.rankings import Ranking, read_rankings, tabulate_rankings
from analysis.results.sweep_plan import read_sweep_plan
from analysis.results.trial_table import COMPLETED, read_trials
from trainers.formatting import did_you_mean
from trainers.record_io import Row
from trainers.record_reader import Damage, ExpectedFile, expected_files, read_json
from trainers.record_shapes import check_provenance
from trainers.terminal.console import error_console
from trainers.terminal.text import escape_controls

INSTANCES, DIAGNOSTICS = "instances.npz", "diagnostics.npz"
WIDEST = 200  # letters of a line that sums results up


@dataclass(frozen=True, repr=False)
class Sweep:
    """Everything a sweep recorded; an axis is a column of its tables, named by the axis' dotted path."""

    folder: Path
    plan: Row
    runs: list[Row]  # provenance, one entry per start of the sweep
    labelled: pd.DataFrame  # a row a training, axes as labels
    epochs: pd.DataFrame
    outcomes: dict[str, Row]  # id -> result.json, where there is one
    axes: Axes
    where: str  # the folder, or the URL that it is a copy of
    damage: Damage  # the damaged records, which are left out; it grows as further ones are read

    def __repr__(self) -> str:
        """Sum the results up in five lines; the tables would fill a notebook."""
        trials = self.study_trials
        states = ", ".join(f"{n} {status}" for status, n in trials["status"].value_counts().items())
        axes = "; ".join(f"{path}: {self.axes.span(path)}" for path in self.axes.varying) or "none"
        attacks = "; ".join(f"{name}: {text}" for name, text in self.attacks.items()) or "none recorded"
        lines = (
            f"Sweep {self.study} ({self.where})",
            f"trials: {len(trials)} ({states}), of {trials['configuration'].nunique()} configurations",
            f"axes: {axes}",
            f"epochs: {len(self.epochs)} rows; attacks: {attacks}",
            ".trials .epochs .rankings are tables, .instances(id)[name] and .diagnostics(id)[name] arrays of one trial",
        )
        return "\n".join(escape_controls(line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…") for line in lines)

    @property
    def study(self) -> str:
        """The name of the study."""
        return escape_controls(str(self.plan.get("study") or self.folder.name))

    @property
    def space(self) -> str:
        """The name of the space's file, which `--name` leaves as it is; empty if an older plan does not say it."""
        return escape_controls(str(self.plan.get("space") or ""))

    @property
    def question(self) -> str:
        """Return what the study asks, as its space wrote it; empty if it wrote no question."""
        return escape_controls(str(self.plan.get("question") or ""))

    @cached_property
    def study_trials(self) -> pd.DataFrame:
        """`labelled` without the trials that only profile the data or pretrain the weights that others start from."""
        return self.labelled[self.labelled["kind"] == "trial"]

    @cached_property
    def completed(self) -> pd.DataFrame:
        """The trials of `study_trials` that ran to their end."""
        return self.study_trials[self.study_trials["status"] == COMPLETED]

    @cached_property
    def pretrainings(self) -> pd.DataFrame:
        """The completed trainings from whose weights the trials of `study_trials` start."""
        return self.labelled[(self.labelled["kind"] == "pretrain") & (self.labelled["status"] == COMPLETED)]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """All trials, with numeric axes as numbers: a share as 0.2, NaN where the axis does not act."""
        numeric = [path for path in self.axes.paths if self.axes.numeric(path)]
        columns = {path: [self.axes.number(path, label) for label in self.labelled[path]] for path in numeric}
        return self.labelled.assign(**columns)

    @cached_property
    def profile_rankings(self) -> list[Ranking]:
        """The rankings that the sweep's profiling made, each by the score that its subsets are cut by."""
        return read_rankings(self.folder, self.plan, self.axes, self.damage)

    @property
    def rankings(self) -> pd.DataFrame:
        """A row an example of each ranking, with its ranks in [0, 1] from friendliest to most problematic."""
        return tabulate_rankings(self.profile_rankings)

    @cached_property
    def attacks(self) -> dict[str, str]:
        """The description of each attack, by its name, as the first trial that used it recorded it."""
        found: dict[str, str] = {}
        for outcome in self.outcomes.values():
            for name, text in complete_descriptions(outcome.get("attacks", {})).items():
                found.setdefault(name, escape_controls(text))
        return found

    @property
    def along(self) -> list[str]:
        """The names of the attacks that were run along training, besides the PGD by which validation selects."""
        return [*self.plan.get("evaluate", {}).get("along", {})]

    @cached_property
    def selects(self) -> bool:
        """Return whether validation chose a best checkpoint of every training; False if some hold out no validation."""
        return bool(self.completed["best_epoch"].notna().all())

    @property
    def checkpoint(self) -> str:
        """The checkpoint whose numbers represent a training: the best, or the last if nothing is selected."""
        return "best" if self.selects else "last"

    @property
    def test_examples(self) -> float:
        """The size of the largest test set of the trials; infinite if no trial recorded it."""
        sizes = self.study_trials["test_examples"].dropna()
        return float(sizes.max()) if len(sizes) else np.inf

    def final_metrics(self) -> list[str]:
        """Return the accuracies that every completed trial has at its last epoch."""
        done = self.completed
        everywhere = [str(name) for name in done if len(done) and done[name].notna().all()]
        names = [name for name in everywhere if name.startswith("last_") and name.endswith("_acc")]
        return [name.removeprefix("last_") for name in names]

    def bounded_metrics(self) -> list[str]:
        """Return the accuracies that some configurations have, and of which all others have an upper bound."""
        done, found = self.completed, []
        for bound in [str(name) for name in done if str(name).startswith("last_") and str(name).endswith(BOUND)]:
            metric = bound.removesuffix(BOUND) + ACCURACY
            known = done[metric].notna()
            if known.any() and not known.all() and (known | done[bound].notna()).all():
                found.append(metric.removeprefix("last_"))
        return found

    @cached_property
    def _ids(self) -> frozenset[str]:
        """The ids of all trials, those that profile or pretrain included."""
        return frozenset(map(str, self.labelled["id"]))

    @cached_property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The names of each trial's classes, in order, by the trial's id, as any trial on the same data recorded them.

        A trial has no names where its data has only numbers, or where all trials on it ran before names were recorded.
        """
        known: dict[str, tuple[str, ...]] = {}
        for trial, problem in zip(self.labelled["id"], self.labelled["problem"], strict=True):
            names = self.outcomes.get(trial, {}).get("class_names")
            if isinstance(names, list) and names:
                known.setdefault(problem, tuple(escape_controls(str(name)) for name in names))
        pairs = zip(self.labelled["id"], self.labelled["problem"], strict=True)
        return {trial: known.get(problem, ()) for trial, problem in pairs}

    def instances(self, trial: str) -> Instances | None:
        """Open the arrays that a trial recorded of each example; None if it recorded nothing.

        An array is read when it is asked for: `instances(id)["loss"]`. Raises SweepError for an id that is no trial's.
        """
        if trial not in self._opened:
            self._opened[trial] = open_instances(*self._locate_record(trial, INSTANCES))
        return self._opened[trial]

    def diagnostics(self, trial: str) -> Diagnostics | None:
        """Open the diagnostics that a trial recorded after named epochs; None if it recorded none.

        An array is read when it is asked for: `diagnostics(id)["lipschitz_merged"]`. Raises SweepError for an id that
        is no trial's.
        """
        if trial not in self._diagnosed:
            self._diagnosed[trial] = open_diagnostics(*self._locate_record(trial, DIAGNOSTICS))
        return self._diagnosed[trial]

    def _locate_record(self, trial: str, name: str) -> tuple[Path, Damage, ExpectedFile | None]:
        """Return where a trial's record is, what its damage is added to, and what its result says of it.

        Raises SweepError if the sweep has no such trial.
        """
        if trial not in self._ids:
            hint = did_you_mean(trial, self._ids) or "; `.trials` lists all in the column id"
            raise SweepError(f"{self.where} has no trial {trial!r}{hint}")
        promised = expected_files(self.outcomes.get(trial)).get(name)
        return self.folder / "trials" / trial / name, self.damage, promised

    @cached_property
    def _opened(self) -> dict[str, Instances | None]:
        """The arrays opened so far, by trial: a file's checksum is computed once."""
        return {}

    @cached_property
    def _diagnosed(self) -> dict[str, Diagnostics | None]:
        """The diagnostics opened so far, by trial."""
        return {}

    def damaged(self) -> list[str]:
        """Return a line for each record that is damaged and left out."""
        return [line.replace(str(self.folder), self.where, 1) for line in self.damage.lines()]


def load_sweep(folder: Path | str, where: str | None = None) -> Sweep:
    """Read a sweep's directory; `where`: the URL that it is a copy of.

    Raises SweepError if the folder holds no sweep.
    """
    folder, damage = Path(folder), Damage()
    plan = read_sweep_plan(folder, damage)
    axes = read_axes(plan)
    provenance = read_json(folder / "provenance.json", check_provenance, damage) or {}
    trials, epochs, outcomes = read_trials(folder, plan, axes, damage)
    return Sweep(folder, plan, provenance.get("runs", []), trials, epochs, outcomes, axes, where or str(folder), damage)


@contextmanager
def open_sweeps(folders: Iterable[Path | str]) -> Iterator[list[Sweep]]:
    """Yield the sweeps of some folders, and print at the end, after an error too, which records were left out.

    Raises SweepError if a folder holds no sweep.
    """
    sweeps = [load_sweep(folder) for folder in folders]
    try:
        yield sweeps
    finally:
        print_damage(sweeps)


def name_sweeps(results: Sequence[Sweep]) -> tuple[str, ...]:
    """Return the studies' names, or folders for studies that share a name."""
    studies = [sweep.study for sweep in results]
    return tuple(
        study if studies.count(study) == 1 else str(sweep.folder) for study, sweep in zip(studies, results, strict=True)
    )


def print_damage(sweeps: Iterable[Sweep]) -> None:
    """Print on stderr which records were left out; call it once all is read."""
    for line in dict.fromkeys(line for sweep in sweeps for line in sweep.damaged()):
        error_console().print(f"note: {line}; it is left out")
