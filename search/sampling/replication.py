"""Which configurations deserve a further seed: those whose place on the front is in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, variance
from typing import TYPE_CHECKING

import numpy as np

from search.sampling.outcomes import Outcome, measured, outcome
from trainers.objectives import SIGNS
from trainers.record_io import Row

if TYPE_CHECKING:
    from search.schema.blocks import Search

from search.schema.replicates import AdaptiveReplicates

SURE = 2.0  # standard errors


def next_replicates(search: Search, results: Mapping[str, Mapping[int, Row | None]]) -> list[tuple[str, int]]:
    """The configurations that deserve one more seed, and which; once the seeds they have all ended.

    `results` has the result.json of each configuration's seeds, None of one that failed for good. Those that have no
    value are passed over, and so are those that miss a constraint by more than SURE standard errors.
    """
    if not isinstance(search.replicates, AdaptiveReplicates):
        return []
    outcomes = {name: outcome(search, name, seeds) for name, seeds in results.items()}
    valued = {name: its for name, its in outcomes.items() if its.values is not None}
    out = _far_off(search, valued, results)
    if search.checkpoint == "last":
        out |= {name for name, its in valued.items() if its.censored}  # a last epoch that is not the last
    doubtful = ambiguous_on_front({name: _values(search, results[name]) for name in valued if name not in out})
    all_seeds = range(search.replicates.max)
    unused = {name: [seed for seed in all_seeds if seed not in results[name]] for name in results if name in doubtful}
    return [(name, seeds[0]) for name, seeds in unused.items() if seeds]


def ambiguous_on_front(values: Mapping[str, Sequence[Sequence[float]]]) -> set[str]:
    """Configurations of which it is not clear which dominates which; values[name] are (seeds, objectives), more better.

    Each has a box: its means +- SURE standard errors. One is out if another's box dominates the whole of its own. Of
    those left, two are undecided if by their boxes one may dominate the other but need not; both then deserve a seed,
    as either may be the one whose place is unknown. So seeds go to where the front overlaps, and a front whose members
    lie apart gets none. A standard error goes by the larger of the configuration's own spread and the one that all
    configurations have in common: two seeds that happen to agree would otherwise look like certainty.
    """
    if not values:
        return set()
    middle, reach = _boxes(values)
    low, high = middle - reach, middle + reach
    surely = _dominates(low, high)
    inside = np.logical_not(np.any(surely, axis=0))
    open_pairs = _dominates(high, low) & ~surely & inside[:, None] & inside[None, :]
    np.fill_diagonal(open_pairs, False)
    return {name for name, one in zip(values, (open_pairs | open_pairs.T).any(axis=1), strict=True) if one}


def _boxes(values: Mapping[str, Sequence[Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each box and how far it reaches, (configurations, objectives) each."""
    columns = [list(zip(*seeds, strict=True)) for seeds in values.values()]
    middle = np.array([[mean(column) for column in of_one] for of_one in columns])  # exact, so that ties stay ties
    return middle, SURE * _errors(columns)


def _errors(columns: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """Standard errors of means, (configurations, metrics), none less than what the spread of all together makes it."""
    n = np.array([len(of_one[0]) for of_one in columns])[:, None]
    own = np.array([[variance(column) for column in of_one] for of_one in columns])
    common = ((n - 1) * own).sum(axis=0) / (n - 1).sum()
    errors: np.ndarray = np.sqrt(np.maximum(own, common) / n)
    return errors


def _dominates(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[i, j]: whether row i of a dominates row j of b."""
    return np.logical_and(np.all(a[:, None] >= b, axis=2), np.any(a[:, None] > b, axis=2))


def _values(search: Search, seeds: Mapping[int, Row | None]) -> list[tuple[float, ...]]:
    """(seeds, objectives), more better."""
    signs = {name: SIGNS[direction] for name, direction in search.objectives.items()}
    columns = [[sign * value for value in measured(seeds, name, search.checkpoint)] for name, sign in signs.items()]
    return list(zip(*columns, strict=True))


def _far_off(
    search: Search, outcomes: Mapping[str, Outcome], results: Mapping[str, Mapping[int, Row | None]]
) -> set[str]:
    """Those that miss a constraint by more than SURE standard errors, which go by the common spread as boxes do."""
    if not outcomes:
        return set()
    missing: set[str] = set()
    for constraint in search.constraints:
        columns = [[measured(results[name], constraint.metric, search.checkpoint)] for name in outcomes]
        by = [(its.violations or {})[str(constraint)] for its in outcomes.values()]
        beyond = np.array(by) > SURE * _errors(columns)[:, 0]
        missing |= {name for name, far in zip(outcomes, beyond, strict=True) if far}
    return missing
