"""Objectives and constraints: the validation metrics that a search selects by, and what a configuration's seeds say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from search.schema.problems import nearest
from search.storing.seen import OBJECTIVES
from trainers.knobs import Knobs, Share, share
from trainers.objectives import measure_violation, split_constraint
from trainers.records import Row

if TYPE_CHECKING:
    from search.schema.space import Search

Status = Literal["completed", "stopped", "diverged", "failed"]


def _selectable(name: str) -> str:
    if name.startswith("test_"):
        raise ValueError(f"{name} reads the test set; a search selects on validation: {', '.join(OBJECTIVES)}")
    if name not in OBJECTIVES:
        raise ValueError(f"no objective {name!r}{nearest(name, list(OBJECTIVES))}")
    return name


def _selected_by(objectives: dict[str, Any]) -> dict[str, Any]:
    if not objectives:
        raise ValueError(f"a search has at least one objective (allowed: {', '.join(OBJECTIVES)})")
    return {_selectable(name): direction for name, direction in objectives.items()}


Objectives = Annotated[dict[str, Literal["max", "min"]], AfterValidator(_selected_by)]


class Constraint(Knobs):
    """A bound on a metric, written `val_clean_acc >= 0.8` or `val_clean_acc >= 80%`."""

    metric: Annotated[str, AfterValidator(_selectable)]
    sense: Literal["<=", ">="]
    bound: Share

    def __str__(self) -> str:
        return f"{self.metric} {self.sense} {self.bound:g}"

    def violation(self, value: float) -> float:
        """By how much a value misses the bound; 0 or less where it keeps it."""
        return float(measure_violation(value, self.sense, self.bound))


def _parts(value: Any) -> Any:
    if isinstance(value, Constraint):
        return value
    written = split_constraint(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError(f"a constraint is written `val_clean_acc >= 0.8`, with >= or <=; got {value!r}")
    metric, sense, bound = written
    number = share(bound)
    if not isinstance(number, float):
        raise ValueError(f"{value!r}: the bound of a constraint is a number, 0.8 or 80%; got {bound!r}")
    if not 0 <= number <= 1:
        raise ValueError(f"{value!r}: accuracies lie in [0, 1], so a bound does, as 0.8 or 80%; got {bound}")
    return {"metric": _selectable(metric), "sense": sense, "bound": number}


def _listed(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(f"constraints are listed: [val_clean_acc >= 0.8]; got {value!r}")
    return tuple(value)


Constraints = Annotated[tuple[Annotated[Constraint, BeforeValidator(_parts)], ...], BeforeValidator(_listed)]


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
        {str(constraint): constraint.violation(means[constraint.metric]) for constraint in search.constraints},
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
