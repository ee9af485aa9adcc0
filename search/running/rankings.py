"""Rankings: from the records of finished profile trials, or a file, to what ranked subsets are cut by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.planning.plan import Plan, Planned
from search.planning.profiles import PlannedRanking
from search.planning.sources import Sources, source_key
from search.schema.first import Profile
from search.schema.space import Loaded
from search.schema.yamlfile import SpaceError
from search.storing.rankfiles import RankFile
from search.storing.stages import INSTANCES
from search.storing.store import Arrays, Store, write_arrays
from trainers.data import Data
from trainers.npz import read_arrays
from trainers.reading import expected_files
from trainers.records import canonical
from trainers.scores import average_runs, compute_scores, measure_agreement
from trainers.sources import DataSource


def make_ranking(store: Store, ranking: PlannedRanking, profiles: Sequence[Planned], sources: Sources) -> str | None:
    """Write profile/<ranks>.npz, and the images it ranks for the gallery; return what stands in the way, or None.

    A pure function of the profile trials' records, or of the file: made again, it has the same bytes.
    """
    data = sources.prepared(ranking.data)
    if data is None:
        return f"{ranking.name}: its data is not loaded"
    try:
        if isinstance(ranking.by, RankFile):
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


def check_rankings(loaded: Loaded, plan: Plan, sources: Sources) -> None:
    """Refuse files of ranks that do not fit the data, where it is at hand. Raises SpaceError."""
    problems = []
    for ranking in plan.rankings.values():
        data = sources.prepared(ranking.data)
        if isinstance(ranking.by, RankFile) and data:
            try:
                _fitted(ranking.by, ranking.data, data, sources)
            except ValueError as error:
                problems.append(loaded.problem(("profile", "file"), str(error)))
    if problems:
        raise SpaceError(problems)


def _fitted(file: RankFile, block: DataSource, data: Data, sources: Sources) -> Arrays:
    return file.fitted(data, len(sources.loaded[source_key(block)].y_train))


def _made(store: Store, ranks: str, profile: Profile, trials: Sequence[Planned]) -> Arrays:
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
