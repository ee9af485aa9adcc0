"""The outcome of a configuration: the values of its seeds, joined."""

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
    """What a configuration came to: the mean of its seeds, none where one of them has no value.

    The seeds that survive a divergence would flatter a configuration, so it is as its worst seed is.
    """

    configuration: str
    status: Status
    seeds: tuple[int, ...] = ()
    values: Mapping[str, float] | None = None  # of each objective; None unless completed or stopped
    errors: Mapping[str, float] | None = None  # their standard errors, which take two seeds
    violations: Mapping[str, float] | None = None  # of each constraint as written; above 0 it is not kept

    @property
    def censored(self) -> bool:
        """Whether its values are those so far, as a seed was stopped before its last epoch."""
        return self.status == "stopped"


def outcome(search: Search, configuration: str, results: Mapping[int, Row | None]) -> Outcome:
    """A configuration's outcome, from its seeds' result.json; None: a training that failed for good."""
    seeds = tuple(sorted(results))
    status = _worst(result["status"] if result else "failed" for result in results.values())
    wanted = {*search.objectives, *(constraint.metric for constraint in search.constraints)}
    values = {name: measured(results, name, search.checkpoint) for name in wanted}
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


def measured(results: Mapping[int, Row | None], metric: str, checkpoint: str) -> list[float]:
    """The finite values of a metric over seeds, in their order."""
    rows = [(results[seed] or {}).get(checkpoint) or {} for seed in sorted(results)]
    return [float(row[metric]) for row in rows if math.isfinite(row.get(metric, math.nan))]


def standard_error(values: list[float]) -> float:
    """Of a mean over at least two seeds."""
    return stdev(values) / math.sqrt(len(values))


def _worst(found: Iterable[Status]) -> Status:
    order: tuple[Status, ...] = ("completed", "stopped", "diverged", "failed")
    return max(found, key=order.index, default="failed")
