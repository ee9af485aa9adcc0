"""A selection of trials from one or several sweeps: which are kept, and which panel, line and place each belongs to.

No other module joins sweeps or leaves trials out of a figure; `Selection.cuts` says in words what was left out. What
the page of a report has no room for is chosen by `page_cut`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from analysis.exceptions import SweepError
from analysis.results.axes import ALL, SEPARATOR, join_parts
from analysis.results.choice import SIZES, Choice, is_chosen, list_configs, read_path
from analysis.results.left_out import describe_left_out
from analysis.results.metrics import EPOCH_METRIC, parse_attack
from analysis.results.shared_trainings import describe_shared_trainings, join_trials, share_trainings
from analysis.results.sweep import Sweep, name_sweeps
from trainers.formatting import did_you_mean, format_list
from trainers.problems import title_problems
from trainers.record_io import Row

MAX_PANELS = 8
MAX_NAMED = 4  # lines or panels that a cut lists


class Joined(NamedTuple):
    """The trials of a sweep that a selection keeps."""

    sweep: Sweep
    trials: pd.DataFrame


@dataclass(frozen=True)
class Selection:
    """Completed trials of some sweeps, in the order of their axes, as one table.

    `trials` and `epochs` have the columns `sweep` (its place in `sweeps`), `panel` and `line`; `place` and `at` are the
    label and the number along x.
    """

    sweeps: tuple[Sweep, ...]
    trials: pd.DataFrame
    epochs: pd.DataFrame
    configs: Mapping[tuple[int, str], Row]  # (place of the sweep, id) -> configuration
    numeric: bool  # whether the lines are numbers in order
    cuts: tuple[str, ...]  # what was left out, a sentence each
    given: tuple[Sweep, ...]  # all sweeps that a figure may look at, such as for the difficulty of their examples

    def narrow(self) -> list[Sweep]:
        """Return each sweep with the selected trials alone."""
        ids = [set(self.trials.loc[self.trials["sweep"] == number, "id"]) for number in range(len(self.sweeps))]
        return [
            replace(sweep, labelled=sweep.labelled[sweep.labelled["id"].isin(kept)])
            for sweep, kept in zip(self.sweeps, ids, strict=True)
        ]

    @property
    def panels(self) -> list[str]:
        """The titles of the panels, in order."""
        return list(dict.fromkeys(self.trials["panel"]))

    @property
    def lines(self) -> list[str]:
        """The names of the lines, in order."""
        return list(dict.fromkeys(self.trials["line"]))

    @property
    def trained(self) -> list[Row]:
        """The configurations of the selected trials."""
        keys = zip(self.trials["sweep"], self.trials["id"], strict=True)
        return [self.configs[key] for key in keys]

    @property
    def attacks(self) -> dict[str, str]:
        """The description of each attack, by its name, as the first sweep that used it has it."""
        return {name: text for sweep in reversed(self.sweeps) for name, text in sweep.attacks.items()}


def select(
    sweeps: Sequence[Sweep],
    choice: Choice,
    max_lines: int,
    chosen: Mapping[str, Sequence[str]] | None = None,
    given: Sequence[Sweep] = (),
) -> Selection:
    """Select the completed trials of a choice; `chosen` maps axes to labels that a user chose.

    `given` are further sweeps, of which nothing is selected. A figure holds `max_lines` lines, and MAX_PANELS panels
    for each quantity. Raises SweepError if nothing is left.
    """
    cuts: list[str] = []
    heads = [f"{name}: " * (len(sweeps) > 1) for name in name_sweeps(sweeps)]
    kept = [
        Joined(sweep, _keep(sweep, choice, chosen or {}, cuts, head)) for head, sweep in zip(heads, sweeps, strict=True)
    ]
    kept = [part for part in kept if len(part.trials)]
    if not kept:
        where = format_list([sweep.where for sweep in sweeps])
        raise SweepError(f"{where}: no completed trial is left{_describe_chosen(chosen or {})}; finish the sweep first")
    tables = [
        part.trials.assign(**_place(part, choice, _varying(kept)), sweep=number, number=range(len(part.trials)))
        for number, part in enumerate(kept)
    ]
    joined = [part.sweep for part in kept]
    trials = join_trials(joined, _title_panels(joined, tables, choice.join), range(len(kept)))
    if choice.join:
        trials = _drop_copies(trials, name_sweeps(joined), cuts)
    trials = _cut(_drop_lone_lines(_tell_apart(trials), choice.fewest, cuts), max_lines, cuts)
    numeric = all(_has_numeric_lines(part, choice) for part in kept)
    epochs = pd.concat([part.sweep.epochs.assign(sweep=number) for number, part in enumerate(kept)])
    names = ["sweep", "id", "panel", "line"]
    epochs = trials[names].merge(epochs, on=["sweep", "id"], how="left")
    configs = {
        (number, trial): config for number, part in enumerate(kept) for trial, config in list_configs(part.sweep)
    }
    every = (*sweeps, *(sweep for sweep in given if not any(sweep is other for other in sweeps)))
    return Selection(tuple(part.sweep for part in kept), trials, epochs, configs, numeric, tuple(cuts), every)


def _keep(
    sweep: Sweep, choice: Choice, chosen: Mapping[str, Sequence[str]], cuts: list[str], head: str
) -> pd.DataFrame:
    """Return the completed trials that match a choice and a user's labels, and note the others.

    `head` begins each note; it names the sweep of several.
    """
    every, configs = sweep.study_trials, dict(list_configs(sweep))
    trials = every[[is_chosen(sweep, configs[trial], choice) for trial in every["id"]]]
    for name, labels in chosen.items():
        path = _find_axis(sweep, name)
        trials = trials[trials[path].isin(_check_labels(sweep, path, labels))]
    if len(trials) and (words := describe_left_out(sweep.axes, every, trials)):
        cuts.append(head + words)
    done = trials[trials["id"].isin(sweep.completed["id"])]
    if missing := len(trials) - len(done):
        ended = trials[~trials["id"].isin(done["id"])]["status"].value_counts()
        words = ", ".join(f"{count} {status}" for status, count in ended.items())
        cuts.append(f"{head}{missing} of {len(trials)} trials, which have no result ({words}).")
    return done


def _find_axis(sweep: Sweep, name: str) -> str:
    """Return the path of an axis from its path or short name. Raises SweepError if the sweep has no such axis."""
    for path in sweep.axes.paths:
        if name in (path, sweep.axes.short[path]):
            return path
    known = [sweep.axes.short[path] for path in sweep.axes.paths]
    raise SweepError(
        f"--where {name}: {sweep.where} has no such axis{did_you_mean(name, known)} (it has {', '.join(known)})"
    )


def _check_labels(sweep: Sweep, path: str, labels: Sequence[str]) -> Sequence[str]:
    """Return labels unchanged. Raises SweepError for one that the axis does not have."""
    known = sweep.axes.order[path]
    for label in labels:
        if label not in known:
            name = sweep.axes.short[path]
            raise SweepError(
                f"--where {name}={label}: no such value{did_you_mean(label, known)} (it has {', '.join(known)})"
            )
    return labels


def _describe_chosen(chosen: Mapping[str, Sequence[str]]) -> str:
    words = [f"{name} {' or '.join(labels)}" for name, labels in chosen.items()]
    return f" with {', '.join(words)}" if words else ""


def _varying(parts: Sequence[Joined]) -> list[str]:
    """Return the axes in which the kept trials of sweeps that have the axis differ.

    Axes whose labels stand for one value or for none are left out.
    """
    configs = [dict(list_configs(part.sweep)) for part in parts]
    found = []
    for path in dict.fromkeys(path for part in parts for path in part.sweep.axes.paths):
        having = [place for place, part in enumerate(parts) if path in part.sweep.axes.paths]
        labels = pd.concat([parts[place].trials[path] for place in having])
        values = {
            str(read_path(configs[place][trial], path)) for place in having for trial in parts[place].trials["id"]
        }
        if labels.nunique() > 1 and (len(values) > 1 or values == {str(None)}):
            found.append(path)
    return found


def _is_under(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in roots if root)


def _place(part: Joined, choice: Choice, apart: Sequence[str]) -> dict[str, list[Any]]:
    """Return the line, the panel and the place along x of each kept trial, in words, and its number along x, `at`.

    `apart` are the axes that tell the trials of all sweeps apart: panels of several sweeps name these too.
    """
    varying, axes = _varying([part]), part.sweep.axes
    sized = choice.x == SIZES
    along = [path for path in varying if choice.x and _is_under(path, ["subset" if sized else choice.x])]
    lines = [path for path in varying if path not in along and _is_under(path, choice.lines)]
    rest = [path for path in varying if path not in (*along, *lines)]
    # an axis that a line has one value of, such as the learning rate of one method, is a property of that line
    own = [
        p
        for p in rest
        if lines and not _is_under(p, choice.panels) and (part.trials.groupby(lines)[p].nunique() == 1).all()
    ]
    if choice.join:  # sweeps share no panels but those of their data
        own = [path for path in rest if path not in axes.data]
    fixed = [path for path in axes.paths if _is_under(path, choice.lines)]
    panels = [path for path in rest if path not in own]
    if not choice.join:
        elsewhere = ["subset" if sized else choice.x, *choice.lines]
        told = [path for path in apart if path not in varying and not _is_under(path, elsewhere)]
        panels = [path for path in axes.paths if path in (*panels, *told)]
    records = part.trials.to_dict("records")

    def words(paths: Sequence[str]) -> list[str]:
        return [axes.describe({path: row[path] for path in paths}, paths) for row in records]

    kinds = part.trials["subset_kind"] if sized else [""] * len(records)
    lined = [SEPARATOR.join(filter(None, pair)) for pair in zip(words([*lines, *own] or fixed), kinds, strict=True)]
    sizes = [f"{size:g}" for size in part.trials["subset_size"]]
    return {
        "line": [name or (ALL if lines else part.sweep.study) for name in lined],
        "panel": words(panels),
        "place": sizes if sized else [next((row[path] for path in along if row[path]), "") for row in records],
        "at": [_locate(part, along, row) for row in records],
    }


def _locate(part: Joined, along: Sequence[str], row: Mapping[Any, Any]) -> float:
    """Return the number that a trial has along x: of its axis, or the size of its subset; NaN if it is none."""
    axes = part.sweep.axes
    if not along or _is_under(along[0], ["subset"]):
        return float(row["subset_size"])
    return next((axes.number(path, row[path]) for path in along if row[path] and axes.numeric(path)), math.nan)


def _has_numeric_lines(part: Joined, choice: Choice) -> bool:
    """Return whether all lines are numbers of one axis, which have an order and a colour scale."""
    named = [path for path in _varying([part]) if _is_under(path, choice.lines)]
    return len(named) == 1 and part.sweep.axes.numeric(named[0])


def _drop_copies(trials: pd.DataFrame, names: Sequence[str], cuts: list[str]) -> pd.DataFrame:
    """Keep one of the trainings that several sweeps hold, on the line of the first of them, and note the others."""
    alike = [share_trainings(rows) for _, rows in trials.groupby("panel", sort=False)]
    shared = pd.concat(alike).sort_index()
    home = shared.groupby(["sweep", "configuration"])["line"].transform("first")
    once = trials.assign(line=home)[shared["counts"]]
    if held := describe_shared_trainings(shared.assign(holder=[names[place] for place in shared["holder"]])):
        cuts.append(f"copies, as {held}")
    return once


def _title_panels(sweeps: Sequence[Sweep], tables: list[pd.DataFrame], join: bool) -> list[pd.DataFrame]:
    """Add to the titles of panels what tells several sweeps apart, and to lines the sweep where they are alike."""
    if len(tables) == 1:
        return tables
    names = name_sweeps(sweeps)
    attacks = {sweep.attacks.get(parse_attack(EPOCH_METRIC) or "", "") for sweep in sweeps}
    if not join or len(attacks) > 1:
        return [
            table.assign(panel=[join_parts(name, panel) for panel in table["panel"]])
            for name, table in zip(names, tables, strict=True)
        ]
    problems = dict.fromkeys(problem for table in tables for problem in table["problem"])
    titles = title_problems(problems)
    tables = [table.assign(panel=[titles[problem] for problem in table["problem"]]) for table in tables]
    found: list[pd.DataFrame] = []
    for name, table in zip(names, tables, strict=True):
        taken = {pair for other in found for pair in zip(other["panel"], other["line"], strict=True)}
        pairs = zip(table["panel"], table["line"], strict=True)
        found.append(
            table.assign(line=[f"{line} ({name})" if (panel, line) in taken else line for panel, line in pairs])
        )
    return found


def _tell_apart(trials: pd.DataFrame) -> pd.DataFrame:
    """Name a line by its whole configuration where several share its name: only seeds are ever averaged."""
    counts = trials.groupby(["sweep", "panel", "line", "place"])["configuration"].transform("nunique")
    return trials.assign(line=trials["line"].where(counts == 1, trials["name"]))


def _drop_lone_lines(trials: pd.DataFrame, fewest: int, cuts: list[str]) -> pd.DataFrame:
    """Keep the panels that have enough lines to compare, and note the others."""
    counts = trials.groupby("panel")["line"].transform("nunique")
    if fewer := list(dict.fromkeys(trials["panel"][counts < fewest])):
        cuts.append(f"Panels with fewer than {fewest} lines ({format_list(fewer, MAX_NAMED)}).")
    return trials[counts >= fewest] if (counts >= fewest).any() else trials


def _cut(trials: pd.DataFrame, max_lines: int, cuts: list[str]) -> pd.DataFrame:
    """Keep the first panels, and the first lines of all, as many as a figure holds; note the others."""
    for column, most in (("panel", MAX_PANELS), ("line", max_lines)):
        names = list(dict.fromkeys(trials[column]))
        if len(names) > most:
            left = format_list(names[most:], MAX_NAMED)
            cuts.append(f"{len(names) - most} of {len(names)} {column}s ({left}); --where chooses others.")
            trials = trials[trials[column].isin(names[:most])]
    return trials
