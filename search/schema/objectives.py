"""Objectives and constraints: the validation metrics that a search selects by."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from search.schema.messages import suggest_allowed
from trainers.best import CLEAN, ROBUST
from trainers.knobs import Knobs, Share, parse_share
from trainers.objectives import measure_violation, split_constraint


def check_objective(name: str) -> str:
    """Return the name of an objective. Raises ValueError if it is none."""
    if name.startswith("test_"):
        raise ValueError(f"{name} reads the test set; a search selects on validation: {', '.join(OBJECTIVES)}")
    if name not in OBJECTIVES:
        raise ValueError(f"no objective {name!r}{suggest_allowed(name, list(OBJECTIVES))}")
    return name


def _check_objectives(objectives: dict[str, Any]) -> dict[str, Any]:
    if not objectives:
        raise ValueError(f"a search has at least one objective (allowed: {', '.join(OBJECTIVES)})")
    return {check_objective(name): direction for name, direction in objectives.items()}


Objectives = Annotated[dict[str, Literal["max", "min"]], AfterValidator(_check_objectives)]


class Constraint(Knobs):
    """A bound on a metric, written `val_clean_acc >= 0.8` or `val_clean_acc >= 80%`."""

    metric: Annotated[str, AfterValidator(check_objective)]
    sense: Literal["<=", ">="]
    bound: Share

    def __str__(self) -> str:
        return f"{self.metric} {self.sense} {self.bound:g}"

    def measure_violation(self, value: float) -> float:
        """Return by how much a value misses the bound; 0 or less if it keeps it."""
        return float(measure_violation(value, self.sense, self.bound))


def _parse_constraint(value: Any) -> Any:
    if isinstance(value, Constraint):
        return value
    written = split_constraint(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError(f"a constraint is written `val_clean_acc >= 0.8`, with >= or <=; got {value!r}")
    metric, sense, bound = written
    number = parse_share(bound)
    if not isinstance(number, float):
        raise ValueError(f"{value!r}: the bound of a constraint is a number, 0.8 or 80%; got {bound!r}")
    if not 0 <= number <= 1:
        raise ValueError(f"{value!r}: a bound on an accuracy is in [0, 1], 0.8 or 80%; got {bound}")
    return {"metric": check_objective(metric), "sense": sense, "bound": number}


def _to_tuple(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(f"constraints are listed: [val_clean_acc >= 0.8]; got {value!r}")
    return tuple(value)


Constraints = Annotated[
    tuple[Annotated[Constraint, BeforeValidator(_parse_constraint)], ...], BeforeValidator(_to_tuple)
]

OBJECTIVES = (CLEAN, ROBUST)
