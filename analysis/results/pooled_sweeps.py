"""Sweeps with all trainings of their configurations, those that other sweeps trained included: a page shows several.

Two sweeps may each have trained some seeds of a configuration. What is computed of it on their page is of all its
seeds, so that its numbers agree with each other and with the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.results.sweep import Sweep
from trainers.record_io import Row

NAMES = ("configuration", "name", "choice", "setting", "family", "subset_label", "subset_kind", "problem")  # columns


def pool_trainings(sweeps: Sequence[Sweep], trials: pd.DataFrame, places: Mapping[tuple[int, str], int]) -> list[Sweep]:
    """Return each sweep with all trainings of its configurations, wherever they were trained, each once.

    `trials` has a row a training that counts: `sweep`, the place of the sweep whose record it is, its `id`, and
    `place`, the number of its configuration. `places` maps the place of a sweep and its name of a configuration to that
    number. In the tables of a sweep the trainings of other sweeps have its names for their configurations, and ids of
    their own; arrays of examples cannot be read from it.
    """
    named: list[dict[int, str]] = [{} for _ in sweeps]
    for (sweep, configuration), place in places.items():
        named[sweep][place] = configuration
    return [_pool(sweeps, number, trials[trials["place"].isin(names)], names) for number, names in enumerate(named)]


def _pool(sweeps: Sequence[Sweep], number: int, trials: pd.DataFrame, names: Mapping[int, str]) -> Sweep:
    """Return a sweep with some trainings, given the name of each of their configurations by its number."""
    own = sweeps[number]
    columns = [*NAMES, *own.axes.paths]
    firsts = own.study_trials.drop_duplicates("configuration").set_index("configuration", drop=False)[columns]
    parts, epochs = [], []
    outcomes: dict[str, Row] = {}
    for holder, other in enumerate(sweeps):
        rows, prefix = trials[trials["sweep"] == holder], "" if holder == number else f"{holder}:"
        configurations = dict(zip(rows["id"], rows["place"].map(names), strict=True))
        held = other.study_trials[other.study_trials["id"].isin(configurations)]
        context = firsts.loc[held["id"].map(configurations)]
        parts.append(held.assign(id=prefix + held["id"], **{name: context[name].to_numpy() for name in columns}))
        curves = other.epochs[other.epochs["id"].isin(configurations)]
        epochs.append(curves.assign(id=prefix + curves["id"]))
        outcomes |= {prefix + trial: other.outcomes[trial] for trial in configurations if trial in other.outcomes}
    labelled = pd.concat(parts, ignore_index=True)
    order = {name: place for place, name in enumerate(firsts.index)}
    labelled = labelled.sort_values("configuration", key=lambda column: column.map(order), kind="stable")
    return replace(own, labelled=labelled, epochs=pd.concat(epochs, ignore_index=True), outcomes=outcomes)
