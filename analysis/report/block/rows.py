"""The trials and configurations of some reports, numbered as everywhere in the block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.classes import tabulate_classes
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.masking import measure_masking
from analysis.measures.overfitting import measure_overfitting
from analysis.report.data import ReportData
from analysis.results.axes import join_parts
from analysis.results.pooled_sweeps import pool_trainings
from analysis.results.search_block import is_search
from analysis.results.shared_trainings import join_trials, refuse_copies, share_trainings
from analysis.results.sweep import Sweep, name_sweeps

ENDING = ("sweep", "id", "replicate", "status", "epochs_done")  # columns
CONSTANT = ("best_constant", "last_constant")  # the class that a network names for all images, at each checkpoint


@dataclass(frozen=True)
class Rows:
    """The reports of a page, and their trainings in the order of all tables.

    The columns of `trials` are those of `Sweep.study_trials`, and `sweep`, the place of the report whose record it is,
    and `place`, that of the configuration. `configurations` has the first trial of each, and `holders`, the places of
    the sweeps that hold it. With several sweeps the names of configurations and families begin with their sweeps, and a
    setting is a panel of the joint front. A training that several sweeps hold is one row.
    """

    reports: tuple[ReportData, ...]
    sweeps: tuple[str, ...]
    front: FrontData | None  # of all sweeps together
    no_front: str  # the reason if there is none
    trials: pd.DataFrame
    configurations: pd.DataFrame
    places: Mapping[tuple[int, str], int]  # the place of a sweep and its id of a configuration -> that of the latter
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

    @cached_property
    def pooled(self) -> tuple[ReportData, ...]:
        """The reports with the tables that have a row a configuration: overfitting, masking and accuracy by class.

        These are of all seeds of a configuration, whichever sweeps trained them.
        """
        if self.configurations["holders"].map(len).max() < 2:
            return self.reports
        sweeps = pool_trainings(self.results, self.trials, self.places)
        return tuple(
            replace(
                report,
                gaps=measure_overfitting(sweep),
                masking=measure_masking(sweep, report.robust),
                classes=tabulate_classes(sweep),
            )
            for report, sweep in zip(self.reports, sweeps, strict=True)
        )

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
        return {name: place for (holder, name), place in self.places.items() if holder == sweep}


def collect_rows(reports: Sequence[ReportData]) -> Rows:
    """Number the trials and configurations of some reports, in the order of all tables.

    Raises SweepError if a sweep or a copy of it is given twice.
    """
    results = [report.results for report in reports]
    names, (front, no_front) = name_sweeps(results), _find_front(reports)
    tables = [_read_trials(sweep) for sweep in results]
    settings = _title_settings(front, names, tables) if len(tables) > 1 else {}
    own = join_trials(results, tables, range(len(tables)))
    keys = zip(own["sweep"], own["setting"], strict=True)
    own["setting"] = [settings.get(key, key[1]) for key in keys]
    alike = [share_trainings(rows) for _, rows in own.groupby("setting", sort=False)]  # measured on the same terms
    trials = pd.concat(alike).sort_index()
    trials["place"] = trials.groupby(["sweep", "configuration"], sort=False).ngroup()
    trials["holders"] = _list_holders(trials)
    if len(tables) > 1:
        trials = _name_by_sweep(trials, names)
    places = dict(zip(zip(own["sweep"], own["configuration"], strict=True), trials["place"], strict=True))
    firsts = trials.drop_duplicates("place").reset_index(drop=True)
    once = trials[trials["counts"]].reset_index(drop=True)
    once = once.assign(sweep=once["holder"])
    return Rows(tuple(reports), names, front, no_front, once, firsts, places, settings)


def _list_holders(trials: pd.DataFrame) -> list[list[int]]:
    """Return for each trial the places of the sweeps that hold its configuration."""
    found: dict[int, dict[int, None]] = {}
    for place, holder in zip(trials["place"], trials["holder"], strict=True):
        found.setdefault(place, {})[holder] = None
    return [[*found[place]] for place in trials["place"]]


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


def _find_front(reports: Sequence[ReportData]) -> tuple[FrontData | None, str]:
    """Return the front of all reports together; None if there is none, and the reason."""
    if len(reports) == 1:
        return reports[0].front, reports[0].no_front
    results = [report.results for report in reports]
    refuse_copies(results)
    try:
        return compute_fronts(results, checkpoint=None if all(sweep.selects for sweep in results) else "last"), ""
    except SweepError as error:  # nothing completed yet, or no metric in common
        return None, str(error)


def _title_settings(
    front: FrontData | None, names: Sequence[str], tables: Sequence[pd.DataFrame]
) -> Mapping[tuple[int, str], str]:
    """Return the panel of the joint front that each setting of each sweep is in; without any it keeps its own name."""
    found = {(place, setting): setting for place, table in enumerate(tables) for setting in table["setting"].unique()}
    for panel in front.panels if front else ():
        for sweep, setting in panel.points[["sweep", "setting"]].drop_duplicates().itertuples(index=False):
            found[names.index(sweep), setting] = panel.title
    return found


def _name_by_sweep(trials: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Begin the names of configurations and families with the sweeps that hold them."""
    held = [" and ".join(names[place] for place in holders) for holders in trials["holders"]]
    return trials.assign(
        **{
            column: [join_parts(*pair) for pair in zip(held, trials[column], strict=True)]
            for column in ("name", "choice", "family")
        }
    )
