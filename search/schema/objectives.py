"""Objectives and constraints: the validation metrics that a search selects by, and what a configuration's seeds say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from search.schema.messages import nearest
from trainers.best import CLEAN, ROBUST
from trainers.knobs import Knobs, Share, parse_share
from trainers.objectives import measure_violation, split_constraint

if TYPE_CHECKING:
    pass


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
    number = parse_share(bound)
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

OBJECTIVES = (CLEAN, ROBUST)
