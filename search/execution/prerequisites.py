"""Builds what other trainings need: rankings from several trainings, and weights to start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.exceptions import SpaceError
from search.execution.gallery import write_adversaries
from search.planning.datasets import DatasetCache, identify_source
from search.planning.plan import Plan, PlannedTrial
from search.planning.start_weights import describe_lost_state
from search.schema.prerequisites import Profile
from search.schema.ranking_file import FileRanks
from search.schema.space import LoadedSpace
from search.store import health
from search.store.segments import write_arrays
from search.store.stages import INSTANCES
from search.store.store import Arrays, Store
from trainers.data import Data
from trainers.npz import read_arrays
from trainers.record_io import canonical
from trainers.record_reader import expected_files
from trainers.scores import average_runs, compute_scores, measure_agreement
from trainers.sources import DataSource


class PrerequisiteBuilder:
    """Builds the rankings and weights that trainings wait for, once the trainings behind them have ended."""

    def __init__(self, store: Store, plan: Plan, sources: DatasetCache) -> None:
        self.store, self.plan, self.sources = store, plan, sources

    def build_ready(self, waiting: list[PlannedTrial]) -> tuple[set[str], dict[str, str]]:
        """Build what is needed; return the names that are ready, and a reason for each that cannot be built.

        A name whose trainings have not all ended is in neither.
        """
        ready, blocked = set(), {}
        for name in set(self.plan.rankings).union(*(trial.requires for trial in waiting)):
            if all(self.store.read_result(trial.id, trial.final) for trial in self.find_producers(name)):
                why = self.build(name)
                if why is None:
                    ready.add(name)
                else:
                    blocked[name] = why
        return ready, blocked

    def find_producers(self, name: str) -> list[PlannedTrial]:
        """Return the trainings that a ranking or weights are built from."""
        return list_producers(self.plan, name)

    def is_impossible(self, name: str) -> bool:
        """Return whether a ranking or weights can never be built, because a training behind them diverged."""
        results = (self.store.read_result(trial.id, trial.final) for trial in self.find_producers(name))
        return any(result is not None and result["status"] == "diverged" for result in results)

    def build(self, name: str) -> str | None:
        """Build a ranking or check start weights, once all trainings behind them have ended; return why it fails."""
        if name in self.plan.rankings:
            why = self.build_ranking(name)
            return why and f"a ranking is missing: {why}"
        (training,) = self.find_producers(name)
        why = self._check_weights(training)
        return why and f"the start weights are missing: {why}"

    def build_ranking(self, ranks: str) -> str | None:
        """Write a ranking; return why it fails, or None."""
        try:
            health.check_folders_exist(self.store.folder)
            return write_ranking(self.store, self.plan, ranks, self.sources)
        except OSError as error:
            return f"{ranks} cannot be written: {health.find_storage_problem_behind(error, self.store.folder) or error}"

    def _check_weights(self, trial: PlannedTrial) -> str | None:
        result = self.store.read_result(trial.id, trial.final)
        if result is None or result["status"] != "completed":
            return f"{trial.id} {'did not end' if result is None else result['status']}, and trials start from it"
        return None if self.store.load_state(trial.final) else describe_lost_state(trial.id)


def list_producers(plan: Plan, name: str) -> list[PlannedTrial]:
    """Return the trainings that a ranking or weights are built from."""
    return [trial for trial in plan.trials if trial.produces == name]


def write_ranking(store: Store, plan: Plan, ranks: str, sources: DatasetCache) -> str | None:
    """Write profile/<ranks>.npz and, for the gallery, the ranked images and adversaries of some of them.

    Return why it fails, or None. Equal records of the profile trials, or an equal ranking file, give the same bytes for
    the same data.
    """
    ranking, profiles = plan.rankings[ranks], list_producers(plan, ranks)
    data = sources.prepare(ranking.data)
    if data is None:
        return f"{ranking.name}: its data is not loaded"
    try:
        if isinstance(ranking.by, FileRanks):
            arrays = _fit_file(ranking.by, ranking.data, data, sources)
        else:
            arrays = _compute_ranking(store, ranking.name, ranking.by, profiles)
    except ValueError as error:
        return str(error)
    arrays |= {"index": data.index, "y": data.train.y.numpy(), "y_clean": data.y_clean}
    provenance = {"ranks": ranking.name, "trials": [profile.id for profile in profiles]} | ranking.provenance
    write_arrays(store.ranking_path(ranking.name), arrays | {"provenance": np.array(canonical(provenance))})
    images = np.moveaxis(data.train.x.numpy(), 1, -1)
    write_arrays(store.folder / "profile" / f"{ranking.name}.images.npz", {"index": data.index, "x": images})
    write_adversaries(store, plan, ranking, profiles, arrays, data)
    return None


def check_rankings(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> None:
    """Raise SpaceError if a ranking file does not fit its data; data that is not at hand is not checked."""
    problems = []
    for ranking in plan.rankings.values():
        data = sources.prepare(ranking.data)
        if isinstance(ranking.by, FileRanks) and data:
            try:
                _fit_file(ranking.by, ranking.data, data, sources)
            except ValueError as error:
                problems.append(loaded.format_problem(("profile", "file"), str(error)))
    if problems:
        raise SpaceError(problems)


def _fit_file(file: FileRanks, block: DataSource, data: Data, sources: DatasetCache) -> Arrays:
    return file.select_ranks(data, len(sources.loaded[identify_source(block)].y_train))


def _compute_ranking(store: Store, ranks: str, profile: Profile, trials: Sequence[PlannedTrial]) -> Arrays:
    """Compute scores and ranks from the records of trials. Raises ValueError if a record is missing or damaged."""
    runs = []
    for trial in trials:
        result = store.read_result(trial.id, trial.final)
        arrays = read_arrays(store.trial_folder(trial.id) / INSTANCES, expected=expected_files(result).get(INSTANCES))
        if result is None or result["status"] != "completed":
            raise ValueError(
                f"{trial.id} {'did not end' if result is None else result['status']}, and {ranks} needs it"
            )
        if arrays is None:
            raise ValueError(
                f"{trial.id}: instances.npz is missing or damaged; remove its result.json to train it again"
            )
        runs.append(compute_scores(arrays, profile.first_epoch))
    return average_runs(runs, profile.average) | {"agreement": np.array(canonical(measure_agreement(runs)))}
