"""A stored sweep as a world: its means are taken for the truth, and each configuration keeps its own spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from search.coverage.worlds import World
from search.exceptions import SpaceError
from search.sampling.certification import collect_values, group_by_problem, read_stored_results
from search.schema.blocks import Search
from search.store.plan_file import load_plan
from search.store.store import Store
from trainers.certificate.samples import summarize_seeds
from trainers.record_io import Place

MOST_CORRELATED = 0.95


def read_worlds(run: Place) -> Iterator[World]:
    """Yield a world for each problem of a sweep, by its validation accuracies at the best epoch.

    Configurations of which less than two seeds are left are not in it. Raises SpaceError if fewer than three are.
    """
    plan, store = load_plan(run), Store(run)
    results, problems = read_stored_results(plan, store)
    groups = group_by_problem(results, problems)
    for place, names in enumerate(groups, 1):
        samples = summarize_seeds(collect_values(Search(), {name: results[name] for name in names}))
        usable = samples.judged
        if usable.sum() < 3:
            raise SpaceError([f"{run}: {usable.sum()} configurations have two seeds with a result; a world takes 3"])
        residuals = (samples.values - samples.means[:, None])[usable].reshape(-1, 2)
        correlation = np.corrcoef(residuals[np.isfinite(residuals).all(axis=1)].T)[0, 1]
        yield World(
            run.name if len(groups) == 1 else f"{run.name}, problem {place}",
            samples.means[usable],
            np.sqrt(samples.variance[usable]),
            correlation=float(np.clip(correlation, -MOST_CORRELATED, MOST_CORRELATED)),
        )
