"""How alike trainings of different seeds rank examples, as a number a seed.

A measure of agreement belongs to a pair of trainings, and pairs that share a training are not independent. The number
of a seed is therefore the jackknife's pseudo-value (Tukey 1958): n times the mean over all pairs less n - 1 times the
mean over the pairs without this seed. Its mean over seeds is the mean over pairs, and its scatter gives the standard
error of that mean. It needs three seeds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.claims.metric import Metric, NotRecorded
from analysis.measures.agreement import MEASURES
from analysis.measures.hardness import explain_recording, measure_hardness, ranks_test_set
from analysis.results.sweep import Sweep
from trainers.scores import normalized_rank

Ranked = tuple[str, int, np.ndarray, np.ndarray]  # key of the examples and labels, seed, indices, hardness


def measure_agreement(sweep: Sweep, metric: Metric, one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Return the pseudo-value of each seed for the agreement between trainings `one` and `other`, by replicate.

    A metric is a sum of measures, as in "correlation instability - correlation probability". Pairs have different
    seeds, and equal examples and labels. Raises NotRecorded if there are no such pairs, or of two seeds alone.
    """
    total = pd.Series(0.0, sorted({*one["replicate"], *other["replicate"]}))
    for summand in metric.summands:
        measure, by, against = summand.term.words
        first, second = rank_trainings(sweep, one, by), rank_trainings(sweep, other, against)
        pairs = compare_pairs(first, second, measure)
        if not pairs:
            missing = [name for name, found in ((by, first), (against, second)) if not found]
            need = f"{missing[0]} ({explain_recording(missing[0])})" if missing else "trainings of different seeds"
            raise NotRecorded(f"rankings of the same examples by {need}")
        total = total + summand.sign * compute_pseudo_values(pairs, total.index)
    if total.isna().all():
        raise NotRecorded(f"{metric.text} between trainings of three seeds or more")
    return total


def rank_trainings(sweep: Sweep, trainings: pd.DataFrame, by: str) -> list[Ranked]:
    """Return the hardness of the examples in each training that recorded a score or loss."""
    data = {trial["id"]: trial.get("config", {}).get("data", {}) for trial in sweep.plan["trials"]}
    found: list[Ranked] = []
    for trial, replicate in trainings[["id", "replicate"]].itertuples(index=False):
        instances = sweep.instances(trial)
        hardness = None if instances is None else measure_hardness(instances, by)
        if instances is None or hardness is None:
            continue
        of_test = ranks_test_set(by)
        labels = json.dumps(data[trial].get("name")) if of_test else instances.y.tobytes().hex()
        index = np.arange(len(hardness)) if of_test else instances.index
        found.append((labels, int(replicate), index, hardness))
    return found


def compare_pairs(first: Iterable[Ranked], second: Iterable[Ranked], measure: str) -> dict[tuple[int, int], float]:
    """Return the mean of a measure over the trainings of each pair of different replicates."""
    values: dict[tuple[int, int], list[float]] = {}
    rivals = list(second)
    for labels, replicate, index, hardness in first:
        for other_labels, other, other_index, other_hardness in rivals:
            if replicate == other or labels != other_labels or not np.array_equal(index, other_index):
                continue
            both = np.isfinite(hardness) & np.isfinite(other_hardness)
            if both.sum() > 1:
                ranks = normalized_rank(hardness[both]), normalized_rank(other_hardness[both])
                values.setdefault((replicate, other), []).append(MEASURES[measure](*ranks))
    return {pair: float(np.mean(found)) for pair, found in values.items() if np.isfinite(found).all()}


def compute_pseudo_values(pairs: dict[tuple[int, int], float], replicates: pd.Index) -> pd.Series:
    """Return the jackknife's pseudo-value of each replicate; NaN where too few pairs are left without it."""
    n, mean = len({seed for pair in pairs for seed in pair}), float(np.mean([*pairs.values()]))
    found = {}
    for seed in replicates:
        rest = [value for pair, value in pairs.items() if seed not in pair]
        found[seed] = n * mean - (n - 1) * float(np.mean(rest)) if rest and n > 2 else np.nan
    return pd.Series(found, dtype=float)
