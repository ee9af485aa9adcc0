"""What a search had found after each of its configurations: the best of each objective, and the hypervolume."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.dominance import hypervolume
from analysis.measures.front_seeds import REFERENCE
from analysis.results.search_block import Objective, list_objectives
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED
from trainers.objectives import non_dominated


class History(NamedTuple):
    """The course of a search over the configurations of which every seed completed, in the order of its plan.

    The records do not say when a training ended. A search plans a configuration when it draws it.
    """

    configurations: list[str]
    best: dict[str, np.ndarray]  # objective -> (configurations,) the best so far of the means over seeds
    hypervolume: (
        np.ndarray | None
    )  # (configurations,) of the front so far above REFERENCE; None unless two are maximised


def measure_history(results: Sweep) -> History | None:
    """Measure the course of a search by its objectives; None with several problems, or if nothing completed.

    A configuration is left out of which a seed diverged or names one class for every image.
    """
    objectives = list_objectives(results)
    if results.study_trials["setting"].nunique() > 1:  # the best so far of an easy problem would hide the others
        return None
    means = _average_whole(results, objectives)
    if means.empty:
        return None
    best = {
        objective.metric: (np.maximum if objective.direction == "max" else np.minimum).accumulate(values)
        for objective, values in zip(objectives, means.to_numpy(float).T, strict=True)
    }
    is_pair = len(objectives) == 2 and all(objective.direction == "max" for objective in objectives)
    volume = accumulate_hypervolume(means.to_numpy(float)) if is_pair else None
    return History(means.index.tolist(), best, volume)


def _average_whole(results: Sweep, objectives: list[Objective]) -> pd.DataFrame:
    """Average each objective over seeds, a row a whole configuration in the order of the plan."""
    trials, columns = results.study_trials, [objective.column for objective in objectives]
    if not set(columns) <= set(trials):
        return pd.DataFrame()
    bad = (trials["status"] != COMPLETED) | trials[f"{objectives[0].checkpoint}_constant"].notna()
    bad |= trials[columns].isna().any(axis=1)
    whole = trials[~bad.groupby(trials["configuration"]).transform("any")]
    order = dict.fromkeys(trial["configuration"] for trial in results.plan["trials"])
    means = whole.groupby("configuration")[columns].mean()
    return means.loc[[name for name in order if name in means.index]]


def accumulate_hypervolume(points: np.ndarray) -> np.ndarray:
    """Return the hypervolume above REFERENCE of the first 1, 2, … points, (n, 2) -> (n,)."""
    front, found = points[:0], []
    for point in points:
        front = np.vstack([front, point])
        front = front[non_dominated(front)]
        found.append(hypervolume(front, REFERENCE))
    return np.array(found)
