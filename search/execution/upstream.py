"""What trainings make for others: a ranking of several together, the weights of one to start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.exceptions import SpaceError
from search.planning.datasets import DatasetCache, identify_source
from search.planning.plan import Plan, PlannedTrial
from search.planning.rankings import PlannedRanking
from search.planning.start_weights import describe_lost_state
from search.schema.ranking_file import FileRanks
from search.schema.space import LoadedSpace
from search.schema.upstream import Profile
from search.store import health
from search.store.segments import write_arrays
from search.store.stages import INSTANCES
from search.store.store import Arrays, Store
from trainers.data import Data
from trainers.npz import read_arrays
from trainers.reading import expected_files
from trainers.record_io import canonical
from trainers.scores import average_runs, compute_scores, measure_agreement
from trainers.sources import DataSource


class UpstreamBuilder:
    """Makes what a plan's trainings wait for, once those have ended that it is made of."""

    def __init__(self, store: Store, plan: Plan, sources: DatasetCache) -> None:
        self.store, self.plan, self.sources = store, plan, sources

    def made(self, waiting: list[PlannedTrial]) -> tuple[set[str], dict[str, str]]:
        """What is there of rankings and of weights that are waited for; rankings are made now; and why others are not.

        Of trainings that have not all ended nothing is said.
        """
        ready, blocked = set(), {}
        for name in set(self.plan.rankings).union(*(trial.requires for trial in waiting)):
            if all(self.store.result(trial.id, trial.final) for trial in self.makers(name)):
                why = self.make(name)
                if why is None:
                    ready.add(name)
                else:
                    blocked[name] = why
        return ready, blocked

    def makers(self, name: str) -> list[PlannedTrial]:
        return [trial for trial in self.plan.trials if trial.produces == name]

    def never(self, name: str) -> bool:
        """Whether what trainings wait for cannot come: one that makes it diverged, and so it would again."""
        results = (self.store.result(trial.id, trial.final) for trial in self.makers(name))
        return any(result is not None and result["status"] == "diverged" for result in results)

    def make(self, name: str) -> str | None:
        """Make what trainings that have ended make together, or a file has. Returns why it cannot be, if so."""
        if name in self.plan.rankings:
            why = self.rank(name)
            return why and f"a ranking: {why}"
        (training,) = self.makers(name)
        why = self._weights(training)
        return why and f"weights: {why}"

    def rank(self, ranks: str) -> str | None:
        try:
            health.check(self.store.folder)
            return make_ranking(self.store, self.plan.rankings[ranks], self.makers(ranks), self.sources)
        except OSError as error:
            return f"{ranks} cannot be written: {health.storage_problem_behind(error, self.store.folder) or error}"

    def _weights(self, trial: PlannedTrial) -> str | None:
        result = self.store.result(trial.id, trial.final)
        if result is None or result["status"] != "completed":
            return f"{trial.id} {'did not end' if result is None else result['status']}, and trials start from it"
        return None if self.store.state(trial.final) else describe_lost_state(trial.id)


def make_ranking(
    store: Store, ranking: PlannedRanking, profiles: Sequence[PlannedTrial], sources: DatasetCache
) -> str | None:
    """Write profile/<ranks>.npz, and the images it ranks for the gallery; return what stands in the way, or None.

    A pure function of the profile trials' records, or of the file: made again, it has the same bytes.
    """
    data = sources.prepare(ranking.data)
    if data is None:
        return f"{ranking.name}: its data is not loaded"
    try:
        if isinstance(ranking.by, FileRanks):
            arrays = _fitted(ranking.by, ranking.data, data, sources)
        else:
            arrays = _made(store, ranking.name, ranking.by, profiles)
    except ValueError as error:
        return str(error)
    arrays |= {"index": data.index, "y": data.train.y.numpy(), "y_clean": data.y_clean}
    provenance = {"ranks": ranking.name, "trials": [profile.id for profile in profiles]} | ranking.provenance
    write_arrays(store.ranking(ranking.name), arrays | {"provenance": np.array(canonical(provenance))})
    images = np.moveaxis(data.train.x.numpy(), 1, -1)
    write_arrays(store.folder / "profile" / f"{ranking.name}.images.npz", {"index": data.index, "x": images})
    return None


def check_rankings(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> None:
    """Refuse files of ranks that do not fit the data, where it is at hand. Raises SpaceError."""
    problems = []
    for ranking in plan.rankings.values():
        data = sources.prepare(ranking.data)
        if isinstance(ranking.by, FileRanks) and data:
            try:
                _fitted(ranking.by, ranking.data, data, sources)
            except ValueError as error:
                problems.append(loaded.format_problem(("profile", "file"), str(error)))
    if problems:
        raise SpaceError(problems)


def _fitted(file: FileRanks, block: DataSource, data: Data, sources: DatasetCache) -> Arrays:
    return file.select_ranks(data, len(sources.loaded[identify_source(block)].y_train))


def _made(store: Store, ranks: str, profile: Profile, trials: Sequence[PlannedTrial]) -> Arrays:
    """Scores and ranks from the records of the trials. Raises ValueError, saying what stands in the way."""
    runs = []
    for trial in trials:
        result = store.result(trial.id, trial.final)
        arrays = read_arrays(store.trial(trial.id) / INSTANCES, expected=expected_files(result).get(INSTANCES))
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
