"""The outcome of a configuration: the means of the objectives over its seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from trainers.record_io import Row

if TYPE_CHECKING:
    from search.schema.blocks import Search


Status = Literal["completed", "stopped", "diverged", "failed"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a configuration: the means over its seeds, without values if one of the seeds has none.

    Its status is that of its worst seed: a mean over only the seeds that did not diverge would be too good.
    """

    configuration: str
    status: Status
    seeds: tuple[int, ...] = ()
    values: Mapping[str, float] | None = None  # of each objective; None unless completed or stopped
    errors: Mapping[str, float] | None = None  # their standard errors, which take two seeds
    violations: Mapping[str, float] | None = None  # of each constraint as written; above 0 it is not kept

    @property
    def censored(self) -> bool:
        """Return whether a seed was stopped before its last epoch, so that the values are those so far."""
        return self.status == "stopped"


def outcome(search: Search, configuration: str, results: Mapping[int, Row | None]) -> Outcome:
    """Return a configuration's outcome from its seeds' result.json; None for a training that failed for good."""
    seeds = tuple(sorted(results))
    status = _worst(result["status"] if result else "failed" for result in results.values())
    wanted = {*search.objectives, *(constraint.metric for constraint in search.constraints)}
    values = {name: finite_values(results, name, search.checkpoint) for name in wanted}
    if any(len(of_seeds) < len(seeds) for of_seeds in values.values()) and status in ("completed", "stopped"):
        status = "failed"  # NaN, or stopped before anything was measured
    if not seeds or status in ("diverged", "failed"):
        return Outcome(configuration, status if seeds else "failed", seeds)
    means = {name: fmean(of_seeds) for name, of_seeds in values.items()}
    return Outcome(
        configuration,
        status,
        seeds,
        {name: means[name] for name in search.objectives},
        {name: standard_error(values[name]) for name in search.objectives} if len(seeds) > 1 else None,
        {str(constraint): constraint.measure_violation(means[constraint.metric]) for constraint in search.constraints},
    )


def finite_values(results: Mapping[int, Row | None], metric: str, checkpoint: str) -> list[float]:
    """Return the finite values of a metric over the seeds, in the order of the seeds."""
    rows = [(results[seed] or {}).get(checkpoint) or {} for seed in sorted(results)]
    return [float(row[metric]) for row in rows if math.isfinite(row.get(metric, math.nan))]


def standard_error(values: list[float]) -> float:
    """Return the standard error of a mean over at least two seeds."""
    return stdev(values) / math.sqrt(len(values))


def _worst(found: Iterable[Status]) -> Status:
    order: tuple[Status, ...] = ("completed", "stopped", "diverged", "failed")
    return max(found, key=order.index, default="failed")
