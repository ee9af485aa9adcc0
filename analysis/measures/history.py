"""What a search had found after each of its configurations: the best of each objective, and the hypervolume."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.dominance import hypervolume
from analysis.measures.front_seeds import REFERENCE
from analysis.results.search_block import Objective, list_objectives
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, OPEN, mark_constant
from trainers.objectives import non_dominated


class History(NamedTuple):
    """The course of a search over the configurations that have ended, in the order of its plan.

    The records do not say when a training ended. A search plans a configuration when it draws it.
    """

    configurations: list[str]
    lost: list[str]  # those without a value: a seed was stopped, diverged, failed or names one class for every image
    best: dict[str, np.ndarray]  # objective -> (configurations,) the best mean so far; NaN before the first
    hypervolume: np.ndarray | None  # (configurations,) of the front above REFERENCE; None unless two are maximised


def measure_history(results: Sweep) -> History | None:
    """Measure the course of a search by its objectives; None with several problems, or if nothing completed."""
    objectives = list_objectives(results)
    if results.study_trials["setting"].nunique() > 1:  # the best so far of an easy problem would hide the others
        return None
    means = _average_seeds(results, objectives)
    lost = means.isna().any(axis=1)
    if lost.all():
        return None
    best = {
        objective.metric: (np.fmax if objective.direction == "max" else np.fmin).accumulate(values)
        for objective, values in zip(objectives, means.to_numpy(float).T, strict=True)
    }
    is_pair = len(objectives) == 2 and all(objective.direction == "max" for objective in objectives)
    volume = accumulate_hypervolume(means.to_numpy(float)) if is_pair else None
    return History(means.index.tolist(), means.index[lost].tolist(), best, volume)


def _average_seeds(results: Sweep, objectives: list[Objective]) -> pd.DataFrame:
    """Average each objective over seeds, a row a configuration that has ended, in the order of the plan.

    The row is NaN unless every seed has a value.
    """
    trials, columns = results.study_trials, [objective.column for objective in objectives]
    ended = trials[~trials["status"].isin(OPEN).groupby(trials["configuration"]).transform("any")]
    values = ended.reindex(columns=columns).astype(float)
    bad = (ended["status"] != COMPLETED) | mark_constant(ended, (objectives[0].checkpoint,))
    bad |= values.isna().any(axis=1)
    means = values.groupby(ended["configuration"]).mean()
    means[bad.groupby(ended["configuration"]).any()] = np.nan
    order = dict.fromkeys(trial["configuration"] for trial in results.plan["trials"])
    return means.loc[[name for name in order if name in means.index]]


def accumulate_hypervolume(points: np.ndarray) -> np.ndarray:
    """Return the hypervolume above REFERENCE of the first 1, 2, … points, (n, 2) -> (n,); NaN is no point."""
    front, found = points[:0], []
    for point in points:
        if np.isfinite(point).all():
            front = np.vstack([front, point])
            front = front[non_dominated(front)]
        found.append(hypervolume(front, REFERENCE))
    return np.array(found)
