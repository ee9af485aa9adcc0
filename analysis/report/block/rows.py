"""The trials and configurations of some reports, numbered as everywhere in the block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.duplicate_trainings import refuse_copies
from analysis.measures.front import FrontData, compute_fronts
from analysis.report.data import ReportData
from analysis.results.axes import SEPARATOR
from analysis.results.search_block import is_search
from analysis.results.sweep import Sweep, name_sweeps

ENDING = ("id", "replicate", "status", "epochs_done")  # columns
CONSTANT = ("best_constant", "last_constant")  # the class that a network names for all images, at each checkpoint


@dataclass(frozen=True)
class Rows:
    """The reports of a page, and their trainings in the order of all tables.

    The columns of `trials` are those of `Sweep.study_trials`, and `sweep`, the place of the report, and `place`, that
    of the configuration. `configurations` has the first trial of each. With several sweeps the names of configurations
    and families begin with their sweep, and a setting is a panel of the joint front.
    """

    reports: tuple[ReportData, ...]
    sweeps: tuple[str, ...]
    front: FrontData | None  # of all sweeps together
    trials: pd.DataFrame
    configurations: pd.DataFrame
    settings: Mapping[tuple[int, str], str]  # the place of a sweep and its name for a setting -> the name in the block

    @property
    def results(self) -> list[Sweep]:
        """The sweeps themselves."""
        return [report.results for report in self.reports]

    @property
    def attacks(self) -> dict[str, str]:
        """The description of each attack, by its name, as the first sweep that used it has it."""
        return {name: text for sweep in reversed(self.results) for name, text in sweep.attacks.items()}

    @property
    def checkpoint(self) -> str:
        """The checkpoint whose numbers represent a training: the best, or the last if some sweep selects nothing."""
        return "best" if all(sweep.selects for sweep in self.results) else "last"

    def split(self) -> Iterator[tuple[int, Sweep, pd.DataFrame]]:
        """Yield each sweep with its place and its part of `trials`."""
        for place, sweep in enumerate(self.results):
            yield place, sweep, self.trials[self.trials["sweep"] == place]

    def group_seeds(self) -> list[list[dict[str, Any]]]:
        """Return the trainings of each configuration by seed, as far as they say what they are and how they ended."""
        found: list[list[dict[str, Any]]] = [[] for _ in self.configurations["place"]]
        columns = ["place", *ENDING, *(column for column in CONSTANT if column in self.trials)]
        for trial in self.trials.sort_values("replicate", kind="stable")[columns].to_dict("records"):
            found[trial["place"]].append(trial)
        return found

    def name_setting(self, sweep: int, setting: str) -> str:
        """Return the name in the block of what a table of a sweep calls a setting."""
        return self.settings.get((sweep, setting), setting)

    def find_places(self, sweep: int) -> dict[str, int]:
        """Return the place of each configuration of a sweep, by its id."""
        own = self.configurations[self.configurations["sweep"] == sweep]
        return dict(zip(own["configuration"], own["place"], strict=True))


def collect_rows(reports: Sequence[ReportData]) -> Rows:
    """Number the trials and configurations of some reports, in the order of all tables.

    Raises SweepError if a sweep or a copy of it is given twice.
    """
    results = [report.results for report in reports]
    names, front = name_sweeps(results), _find_front(reports)
    tables = [_read_trials(sweep).assign(sweep=place) for place, sweep in enumerate(results)]
    settings: Mapping[tuple[int, str], str] = {}
    if len(tables) > 1:
        settings = _title_settings(front, names, tables)
        tables = [_name_by_sweep(table, name, settings) for table, name in zip(tables, names, strict=True)]
    trials = pd.concat(tables, ignore_index=True)
    trials["place"] = trials.groupby(["sweep", "configuration"], sort=False).ngroup()
    firsts = trials.drop_duplicates("place").reset_index(drop=True)
    return Rows(tuple(reports), names, front, trials, firsts, settings)


def _read_trials(sweep: Sweep) -> pd.DataFrame:
    """Return the trials of a sweep; the families of a search are named by the choices that are no numbers.

    With numbers each family of a search would have one member, and a colour of its own.
    """
    trials, axes = sweep.study_trials, sweep.axes
    if not is_search(sweep):
        return trials
    paths = [path for path in axes.method if not axes.numeric(path)]
    labels = trials[paths].to_numpy(str).tolist()
    return trials.assign(family=[axes.describe(dict(zip(paths, row, strict=True)), paths) for row in labels])


def _find_front(reports: Sequence[ReportData]) -> FrontData | None:
    """Return the front of all reports together; None if there is none."""
    if len(reports) == 1:
        return reports[0].front
    results = [report.results for report in reports]
    refuse_copies(results)
    try:
        return compute_fronts(results, checkpoint=None if all(sweep.selects for sweep in results) else "last")
    except SweepError:  # nothing completed yet, or no metric in common
        return None


def _title_settings(
    front: FrontData | None, names: Sequence[str], tables: Sequence[pd.DataFrame]
) -> Mapping[tuple[int, str], str]:
    """Return the panel of the joint front that each setting of each sweep is in; without any it keeps its own name."""
    found = {(place, setting): setting for place, table in enumerate(tables) for setting in table["setting"].unique()}
    for panel in front.panels if front else ():
        for sweep, setting in panel.points[["sweep", "setting"]].drop_duplicates().itertuples(index=False):
            found[names.index(sweep), setting] = panel.title
    return found


def _name_by_sweep(table: pd.DataFrame, name: str, settings: Mapping[tuple[int, str], str]) -> pd.DataFrame:
    """Begin the names of configurations and families with their sweep, and name settings by panels."""
    named = {
        column: [SEPARATOR.join(filter(None, (name, text))) for text in table[column]]
        for column in ("name", "choice", "family")
    }
    titles = [settings[key] for key in zip(table["sweep"], table["setting"], strict=True)]
    return table.assign(**named, setting=titles)
