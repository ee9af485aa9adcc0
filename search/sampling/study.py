"""Adaptive search by ask and tell: generations of configurations, recorded before they run, told in the order asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import optuna
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from search.exceptions import SpaceError
from search.sampling.optuna_journal import History, Operations
from search.sampling.optuna_samplers import drawn, enqueue, sampler, silenced, suggested
from search.sampling.outcomes import Outcome
from search.schema.axes import Point
from search.schema.blocks import ADAPTIVE, Search
from trainers.reading import Damage
from trainers.record_io import Place, Row, canonical

REPEATS = 20  # proposals in a row that were asked before, after which the sampler is held to have nothing new


class AskTellStudy:
    """One study in a sweep's folder: generations.jsonl is its memory, journal.log what Optuna's tools open.

    A generation's proposals depend on what was told before it and on (seed, generation) alone: not on how many
    trainings run at once, nor in which order they end, nor on kills. `trials` only says how many of the configurations
    that were asked are run, so that a search that is extended asks as one that was as long from the start, as long as
    it is told the same: with stopping, or seeds added in doubt, that hangs on what else there was at the time.
    """

    def __init__(self, search: Search, folder: Place) -> None:
        """Reads what was asked before and writes nothing. Raises SpaceError if that was asked by another search."""
        self._search, self._name, self._history = search, folder.name, History(folder)
        if commits := self._history.commits:
            _check_same(commits[0]["search"], _identity(search), folder)

    @property
    def damage(self) -> Damage:
        """What of the memory was damaged; what followed it is asked again."""
        return self._history.damage

    @property
    def forgot(self) -> bool:
        """Whether some of what was asked may not be known any more: the memory is damaged, or missing."""
        return bool(self._history.damage) or not self._history.commits

    def points(self) -> list[Point]:
        """The configurations asked so far, in order, as many as `trials` are."""
        axes = self._search.axes
        asked = [parameters for row in self._history.commits for parameters in row.get("asked", ())]
        return [
            {path: axes[path].chosen(parameters[path]) for path in axes if path in parameters}
            for parameters in asked[: self._search.trials]
        ]

    def generation(self, point: Point) -> int:
        """The generation in which a point was asked, from 0."""
        wanted, asked = self._parameters(point), [row["asked"] for row in self._history.commits if "asked" in row]
        return next(number for number, points in enumerate(asked) if wanted in points)

    def waiting(self) -> list[Point]:
        """Those of which nothing was told yet."""
        return self.points()[self._told() :]

    def ask(self) -> list[Point]:
        """Record the next generation and return it; none if there are `trials` or the sampler has nothing new.

        Raises RuntimeError while one waits, and OSError where the disk is full; then nothing was recorded.
        """
        if self.waiting():
            raise RuntimeError(f"{self._name}: a generation is asked once the one before it was told")
        before = len(self.points())
        self._history.publish()
        if before < (self._search.trials or 0):
            operations = self._history.operations()
            with silenced():
                asked = self._asked(self._study(operations))
            if asked:
                row: Row = {} if self._history.commits else {"search": _identity(self._search)}
                row |= {"asked": [self._parameters(point) for point in asked.values()], "trials": list(asked)}
                self._history.commit(row | {"optuna": optuna.__version__, "journal": operations.new()})
        return self.points()[before:]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Tell what the configurations that wait came to, in the order asked: of all, or of the first so many.

        Raises ValueError if there are more of them, and OSError where the disk is full; then nothing was recorded.
        """
        told = self._told()
        if len(outcomes) > len(self.points()) - told:
            raise ValueError(f"{len(outcomes)} outcomes of {len(self.waiting())} configurations that wait")
        operations = self._history.operations()
        with silenced():
            study = self._study(operations)
            for number, outcome in zip(self._numbers()[told:], outcomes, strict=False):
                _tell(study, number, outcome)
        if outcomes:
            self._history.commit({"told": [asdict(outcome) for outcome in outcomes], "journal": operations.new()})

    def _told(self) -> int:
        return sum(len(row.get("told", ())) for row in self._history.commits)

    def _parameters(self, point: Point) -> Row:
        return {path: self._search.axes[path].parameter(choice) for path, choice in point.items()}

    def _study(self, operations: Operations) -> optuna.Study:
        """The study as committed, with the sampler of the generation that comes next."""
        generation = sum("asked" in row for row in self._history.commits)
        storage, its = JournalStorage(operations), sampler(self._search, generation)
        if self._history.commits:
            return optuna.load_study(study_name=None, storage=storage, sampler=its)
        directions = [f"{direction}imize" for _, direction in sorted(self._search.objectives.items())]
        study = optuna.create_study(study_name=self._name, storage=storage, sampler=its, directions=directions)
        study.set_metric_names(sorted(self._search.objectives))
        for key in ("strategy", "seed", "checkpoint"):
            study.set_user_attr(key, getattr(self._search, key))
        return study

    def _asked(self, study: optuna.Study) -> dict[int, Point]:
        """The next points, by the numbers of Optuna's trials.

        A proposal that was asked before would teach nothing and is not trained again: another is asked for, and the
        study holds it as failed, which its sampler passes over. While one generation is asked it still counts as
        running, which is what keeps a sampler from insisting.
        """
        points, given = self.points(), drawn(self._search)
        if given is not None:
            enqueue(study, given[len(points) :], self._search.axes)
        wanted = self._search.generation if given is None else len(given) - len(points)
        known = dict(zip(map(self._key, points), self._numbers(), strict=True))
        asked: dict[int, Point] = {}
        repeated: list[optuna.Trial] = []
        in_a_row = 0
        while len(asked) < wanted and in_a_row < REPEATS:
            trial = study.ask()
            point = suggested(trial, self._search.axes)
            first = known.setdefault(self._key(point), trial.number)
            if first == trial.number:
                asked[trial.number], in_a_row = point, 0
            else:
                trial.set_user_attr("repeats", first)
                repeated.append(trial)
                in_a_row += 1
        for trial in repeated:
            study.tell(trial, state=TrialState.FAIL)
        return asked

    def _numbers(self) -> list[int]:
        """Of Optuna's trials, one for each configuration asked."""
        return [number for row in self._history.commits for number in row.get("trials", ())]

    def _key(self, point: Point) -> str:
        return canonical(self._parameters(point))


def _tell(study: optuna.Study, number: int, outcome: Outcome) -> None:
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


def _identity(search: Search) -> Row:
    """What proposals depend on, by the keys of `search:`; canonical JSON forgets the order of mappings, so lists."""
    keys = ("strategy", "seed", "checkpoint", "objectives", *(("generation",) if search.strategy in ADAPTIVE else ()))
    identity: Row = {key: getattr(search, key) for key in keys}
    identity["constraints"] = [str(constraint) for constraint in search.constraints]
    for path, axis in search.axes.items():
        values = [[choice.label, choice.value] for choice in axis.choices()]
        identity[f"axes.{path}"] = [axis.kind, values, axis.when]
    return identity | {"axes": list(search.axes)}


def _check_same(stored: Row, now: Row, folder: Place) -> None:
    now = json.loads(canonical(now))
    if differing := [key for key in sorted(stored.keys() | now.keys()) if stored.get(key) != now.get(key)]:
        lines = [f"search.{key}: begun with {stored.get(key)}, now {now.get(key)}" for key in differing]
        hint = "a search goes on as it was begun; --name NAME starts beside it, --fresh moves it aside"
        raise SpaceError([*lines, f"{folder}: {hint}"])
