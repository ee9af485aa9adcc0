"""Ask-and-tell search: generations of configurations, recorded before they run and told in the order asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import optuna
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from search.exceptions import SpaceError
from search.sampling.optuna_journal import CommitHistory, InMemoryJournal
from search.sampling.optuna_samplers import (
    build_sampler,
    draw_all_points,
    enqueue_points,
    suggest_point,
)
from search.sampling.outcomes import Outcome
from search.schema.axes import AxisPoint
from search.schema.blocks import ADAPTIVE_STRATEGIES, Search
from trainers.record_io import Place, Row, canonical
from trainers.record_reader import Damage
from trainers.terminal.silence import silence_library

MAX_REPEATS = 20  # repeated proposals in a row after which the sampler counts as exhausted


class AskTellStudy:
    """A study in a sweep's folder: generations.jsonl is its history, journal.log a copy for Optuna's tools.

    The proposals of a generation depend only on the outcomes told before it and on (seed, generation): not on the
    number of trainings at once, the order in which they end, or kills. `trials` only limits how many proposed
    configurations run. An extended search therefore equals a search of that length from the beginning, as long as it
    is told the same outcomes. With stopping or adaptive seeds, outcomes also depend on the other trials at that time.
    """

    def __init__(self, search: Search, folder: Place) -> None:
        """Read the history and write nothing. Raises SpaceError if the history belongs to another search."""
        self._search, self._name, self._history = search, folder.name, CommitHistory(folder)
        if commits := self._history.commits:
            _check_same_search(commits[0]["search"], _describe_search(search), folder)

    @property
    def damage(self) -> Damage:
        """The damage of the history; commits after it are asked again."""
        return self._history.damage

    @property
    def may_lack_points(self) -> bool:
        """Return whether proposed configurations may be unknown, since the history is damaged or missing."""
        return bool(self._history.damage) or not self._history.commits

    def list_points(self) -> list[AxisPoint]:
        """Return the configurations asked so far, in order, at most `trials`."""
        axes = self._search.axes
        asked = [parameters for row in self._history.commits for parameters in row.get("asked", ())]
        return [
            {path: axes[path].to_choice(parameters[path]) for path in axes if path in parameters}
            for parameters in asked[: self._search.trials]
        ]

    def find_generation(self, point: AxisPoint) -> int:
        """Return the generation that proposed a point, from 0."""
        wanted, asked = self._to_parameters(point), [row["asked"] for row in self._history.commits if "asked" in row]
        return next(number for number, points in enumerate(asked) if wanted in points)

    def list_waiting(self) -> list[AxisPoint]:
        """Return the configurations without a told outcome."""
        return self.list_points()[self._count_told() :]

    def ask(self) -> list[AxisPoint]:
        """Record and return the next generation; empty if there are `trials` already or the sampler has nothing new.

        Raises RuntimeError while a generation waits for outcomes, and OSError if the disk is full; neither records
        anything.
        """
        if self.list_waiting():
            raise RuntimeError(f"{self._name}: cannot ask for a generation before the last one is told")
        before = len(self.list_points())
        self._history.publish()
        if before < (self._search.trials or 0):
            operations = self._history.make_journal()
            with silence_library("optuna"):
                asked = self._ask_points(self._load_study(operations))
            if asked:
                row: Row = {} if self._history.commits else {"search": _describe_search(self._search)}
                row |= {"asked": [self._to_parameters(point) for point in asked.values()], "trials": list(asked)}
                self._history.commit(row | {"optuna": optuna.__version__, "journal": operations.list_new()})
        return self.list_points()[before:]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Tell the outcomes of waiting configurations, in the order asked: of all, or of the first few.

        Raises ValueError if there are more outcomes than waiting configurations, and OSError if the disk is full;
        neither records anything.
        """
        told = self._count_told()
        if len(outcomes) > len(self.list_points()) - told:
            raise ValueError(f"{len(outcomes)} outcomes for {len(self.list_waiting())} waiting configurations")
        operations = self._history.make_journal()
        with silence_library("optuna"):
            study = self._load_study(operations)
            for number, outcome in zip(self._list_numbers()[told:], outcomes, strict=False):
                _tell_outcome(study, number, outcome)
        if outcomes:
            self._history.commit({"told": [asdict(outcome) for outcome in outcomes], "journal": operations.list_new()})

    def _count_told(self) -> int:
        return sum(len(row.get("told", ())) for row in self._history.commits)

    def _to_parameters(self, point: AxisPoint) -> Row:
        return {path: self._search.axes[path].to_parameter(choice) for path, choice in point.items()}

    def _load_study(self, operations: InMemoryJournal) -> optuna.Study:
        """Return the committed study, with the sampler of the next generation."""
        generation = sum("asked" in row for row in self._history.commits)
        storage, sampler = JournalStorage(operations), build_sampler(self._search, generation)
        if self._history.commits:
            return optuna.load_study(study_name=None, storage=storage, sampler=sampler)
        directions = [f"{direction}imize" for _, direction in sorted(self._search.objectives.items())]
        study = optuna.create_study(study_name=self._name, storage=storage, sampler=sampler, directions=directions)
        study.set_metric_names(sorted(self._search.objectives))
        for key in ("strategy", "seed", "checkpoint"):
            study.set_user_attr(key, getattr(self._search, key))
        return study

    def _ask_points(self, study: optuna.Study) -> dict[int, AxisPoint]:
        """Return the next points by the numbers of Optuna's trials.

        A repeated proposal would teach nothing: it is not trained, another is asked for, and the study records it as
        failed, which the sampler ignores. Until its generation is complete it counts as running, so that the sampler
        does not propose it again.
        """
        points, given = self.list_points(), draw_all_points(self._search)
        if given is not None:
            enqueue_points(study, given[len(points) :], self._search.axes)
        wanted = self._search.generation if given is None else len(given) - len(points)
        known = dict(zip(map(self._make_key, points), self._list_numbers(), strict=True))
        asked: dict[int, AxisPoint] = {}
        repeated: list[optuna.Trial] = []
        in_a_row = 0
        while len(asked) < wanted and in_a_row < MAX_REPEATS:
            trial = study.ask()
            point = suggest_point(trial, self._search.axes)
            first = known.setdefault(self._make_key(point), trial.number)
            if first == trial.number:
                asked[trial.number], in_a_row = point, 0
            else:
                trial.set_user_attr("repeats", first)
                repeated.append(trial)
                in_a_row += 1
        for trial in repeated:
            study.tell(trial, state=TrialState.FAIL)
        return asked

    def _list_numbers(self) -> list[int]:
        """Return the numbers of Optuna's trials, one for each configuration asked."""
        return [number for row in self._history.commits for number in row.get("trials", ())]

    def _make_key(self, point: AxisPoint) -> str:
        return canonical(self._to_parameters(point))


def _tell_outcome(study: optuna.Study, number: int, outcome: Outcome) -> None:
    storage = study._storage
    trial = optuna.Trial(study, storage.get_trial_id_from_study_id_trial_number(study._study_id, number))
    trial.set_user_attr("configuration", outcome.configuration)
    trial.set_user_attr("status", outcome.status)
    trial.set_user_attr("seeds", list(outcome.seeds))
    trial.set_user_attr("censored", outcome.censored)
    for name, error in sorted((outcome.errors or {}).items()):
        trial.set_user_attr(f"standard error of {name}", error)
    if outcome.values is None:
        study.tell(trial, state=TrialState.FAIL)
        return
    for name, violation in sorted((outcome.violations or {}).items()):
        trial.set_constraint(name, violation)
    study.tell(trial, [value for _, value in sorted(outcome.values.items())])


def _describe_search(search: Search) -> Row:
    """Return the settings that proposals depend on; ordered settings are lists, as canonical JSON sorts mappings."""
    keys = (
        "strategy",
        "seed",
        "checkpoint",
        "objectives",
        *(("generation",) if search.strategy in ADAPTIVE_STRATEGIES else ()),
    )
    identity: Row = {key: getattr(search, key) for key in keys}
    identity["constraints"] = [str(constraint) for constraint in search.constraints]
    for path, axis in search.axes.items():
        values = [[choice.label, choice.value] for choice in axis.choices]
        identity[f"axes.{path}"] = [axis.kind, values, axis.when]
    return identity | {"axes": list(search.axes)}


def _check_same_search(stored: Row, now: Row, folder: Place) -> None:
    """Raise SpaceError if the settings of a stored search differ from those now."""
    now = json.loads(canonical(now))
    if differing := [key for key in sorted(stored.keys() | now.keys()) if stored.get(key) != now.get(key)]:
        lines = [f"search.{key}: begun with {stored.get(key)}, now {now.get(key)}" for key in differing]
        hint = "a search continues with its first settings; --name NAME starts another, --fresh moves this one aside"
        raise SpaceError([*lines, f"{folder}: {hint}"])
