"""Difficulty groups G0 (hardest) to G9 in a sweep's own trainings, and when each is learned.

The groups of a training come from the difficulty of *other* PGD trainings (`difficulty_reference`), or from its own
losses. In the second case their order in loss holds by construction, and extreme groups look more extreme than in any
other training. Liu et al. 2021 (Figures 2, 8, 14, 15) form them so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.measures.difficulty_reference import References, describe_source, find_difficulty
from analysis.measures.group_means import QUANTITIES, assign_groups, average_trainings, compute_group_means
from analysis.measures.onset import find_onsets
from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.instances import Instances
from analysis.results.sweep import Sweep

LEAST_FALL = 0.1  # of the first mean loss; a smaller fall may be noise


def measure_groups(
    results: Sweep, references: References | None = None, quantities: Sequence[str] = tuple(QUANTITIES)
) -> pd.DataFrame:
    """Measure the recorded quantities of each group along training, a row a configuration, quantity, group and epoch.

    `references` are the other trainings whose difficulty forms the groups; None: each training forms its own.
    `grouped_by` says which. `lo` and `hi` are one standard error over seeds to each side; `size` is the mean number of
    examples in the group. A training whose examples the references do not rank is left out.
    """
    done, tables = results.completed, []
    for configuration, trials in done.groupby("configuration", sort=False):
        trainings = ((instances, group) for _, instances, group in _read_groups(results, trials, references))
        table = average_trainings(trainings, quantities)
        tables.append(table.assign(configuration=configuration))
    known = [table for table in tables if len(table)]
    if not known:
        return pd.DataFrame()
    return add_context(pd.concat(known, ignore_index=True).assign(grouped_by=describe_source(references)), results)


def measure_learning_times(results: Sweep, references: References | None = None) -> pd.DataFrame:
    """Measure when each group is learned, and how much of it after the onset of robust overfitting.

    A row a configuration, `group` and `quantity`, with 95 % t-intervals over seeds:
    `half`: the epoch at which the mean loss of the group has made half of its fall;
    `lag`: that epoch minus the onset of the same training; above zero, the group is learned after the onset;
    `late`: the fraction of the fall that follows the onset; above one where the loss rises before.
    The fall is from the first epoch to the last. A group whose loss falls by less than LEAST_FALL of it has no times,
    and `lag` and `late` exist only for trainings with an onset.
    """
    onsets = find_onsets(results).set_index("id")["onset"]
    rows: list[dict[str, object]] = []
    for trial, instances, group in _read_groups(results, results.completed, references):
        if "loss" in instances:
            configuration = results.completed.set_index("id")["configuration"][trial]
            means, onset = compute_group_means(instances["loss"], group), float(onsets.get(trial, np.nan))
            for number, loss in enumerate(means):
                times = time_learning(loss, onset).items()
                named = {"configuration": configuration, "group": number}
                rows += [named | {"quantity": quantity, "value": value} for quantity, value in times]
    if not rows:
        return pd.DataFrame()
    table = tabulate_means(pd.DataFrame(rows), ["configuration", "group", "quantity"], "value", T_INTERVAL)
    return add_context(table.assign(grouped_by=describe_source(references)), results)


def time_learning(loss: np.ndarray, onset: float) -> dict[str, float]:
    """Return `half`, `lag` and `late` of a mean loss along training (T,), as in `measure_learning_times`."""
    known = np.flatnonzero(np.isfinite(loss))
    times = dict.fromkeys(("half", "lag", "late"), np.nan)
    if len(known) < 2 or loss[known[-1]] > (1 - LEAST_FALL) * loss[known[0]]:
        return times
    first, last = loss[known[0]], loss[known[-1]]
    times["half"] = float(known[np.argmax(loss[known] <= (first + last) / 2)])
    before = known[known <= onset]  # none where there is no onset
    if len(before):
        times |= {"lag": times["half"] - onset, "late": float((loss[before[-1]] - last) / (first - last))}
    return times


def _read_groups(
    results: Sweep, trials: pd.DataFrame, references: References | None
) -> Iterator[tuple[str, Instances, np.ndarray]]:
    """Yield the arrays of each training, and the group of each of its examples."""
    for trial, seed in trials[["id", "seed"]].itertuples(index=False):
        instances = results.instances(trial)
        d = None if instances is None else find_difficulty(instances, int(seed), references)
        if instances is not None and d is not None:
            yield str(trial), instances, assign_groups(d)
