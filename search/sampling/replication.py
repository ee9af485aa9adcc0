"""Adaptive replication: a further seed for each configuration whose place on the front is uncertain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, variance
from typing import TYPE_CHECKING

import numpy as np

from search.pareto import dominates, to_maximise
from search.sampling.outcomes import Outcome, finite_values, outcome
from search.schema.replicates import AdaptiveReplicates
from trainers.record_io import Row

if TYPE_CHECKING:
    from search.schema.blocks import Search

SURE = 2.0  # standard errors


def next_replicates(search: Search, results: Mapping[str, Mapping[int, Row | None]]) -> list[tuple[str, int]]:
    """Return the configurations that get one more seed, and which; called once all of their seeds have ended.

    `results` has the result.json of each configuration's seeds, None for a seed that failed for good. Configurations
    without a value are passed over, and so are those that miss a constraint by more than SURE standard errors.
    """
    if not isinstance(search.replicates, AdaptiveReplicates):
        return []
    outcomes = {name: outcome(search, name, seeds) for name, seeds in results.items()}
    valued = {name: found for name, found in outcomes.items() if found.values is not None}
    out = _far_from_feasible(search, valued, results)
    if search.checkpoint == "last":
        out |= {name for name, found in valued.items() if found.censored}  # a last epoch that is not the last
    ambiguous = ambiguous_on_front({name: _points(search, results[name]) for name in valued if name not in out})
    all_seeds = range(search.replicates.max)
    unused = {name: [seed for seed in all_seeds if seed not in results[name]] for name in results if name in ambiguous}
    return [(name, seeds[0]) for name, seeds in unused.items() if seeds]


def ambiguous_on_front(values: Mapping[str, Sequence[Sequence[float]]]) -> set[str]:
    """Return the configurations for which it is uncertain which one dominates the other.

    values[name] are (seeds, objectives), higher is better. Each configuration has a box: its means +- SURE standard
    errors. A configuration is out if another's box dominates the whole of its box. Two of the others are ambiguous if
    by their boxes one may dominate the other but need not; both then get a seed, as the place of either may be the
    uncertain one. So seeds go to where the front overlaps, and a front whose members lie apart gets none. A standard
    error is computed from the larger of the configuration's own spread and the pooled spread of all configurations:
    two seeds that happen to agree would otherwise look like certainty.
    """
    if not values:
        return set()
    middle, reach = _boxes(values)
    low, high = middle - reach, middle + reach
    surely = dominates(low, high)
    inside = np.logical_not(np.any(surely, axis=0))
    open_pairs = dominates(high, low) & ~surely & inside[:, None] & inside[None, :]
    np.fill_diagonal(open_pairs, False)
    return {name for name, row in zip(values, (open_pairs | open_pairs.T).any(axis=1), strict=True) if row}


def _boxes(values: Mapping[str, Sequence[Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of each box and how far it reaches, (configurations, objectives) each."""
    columns = [list(zip(*seeds, strict=True)) for seeds in values.values()]
    middle = np.array([[mean(column) for column in of_one] for of_one in columns])  # exact, so that ties stay ties
    return middle, SURE * _errors(columns)


def _errors(columns: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """Return the standard errors of means, (configurations, metrics), none less than by the pooled spread of all."""
    n = np.array([len(of_one[0]) for of_one in columns])[:, None]
    own_variance = np.array([[variance(column) for column in of_one] for of_one in columns])
    pooled = ((n - 1) * own_variance).sum(axis=0) / (n - 1).sum()
    errors: np.ndarray = np.sqrt(np.maximum(own_variance, pooled) / n)
    return errors


def _points(search: Search, seeds: Mapping[int, Row | None]) -> list[tuple[float, ...]]:
    """Return the objectives of each seed, (seeds, objectives), higher is better."""
    columns = [finite_values(seeds, name, search.checkpoint) for name in search.objectives]
    rows = (dict(zip(search.objectives, values, strict=True)) for values in zip(*columns, strict=True))
    return [to_maximise(row, search.objectives) for row in rows]


def _far_from_feasible(
    search: Search, outcomes: Mapping[str, Outcome], results: Mapping[str, Mapping[int, Row | None]]
) -> set[str]:
    """Return those that miss a constraint by more than SURE standard errors, computed as those of the boxes."""
    if not outcomes:
        return set()
    found: set[str] = set()
    for constraint in search.constraints:
        columns = [[finite_values(results[name], constraint.metric, search.checkpoint)] for name in outcomes]
        by = [(result.violations or {})[str(constraint)] for result in outcomes.values()]
        beyond = np.array(by) > SURE * _errors(columns)[:, 0]
        found |= {name for name, far in zip(outcomes, beyond, strict=True) if far}
    return found
