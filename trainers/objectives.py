"""Objectives and constraints of a search as a space writes them, for the search and for the analysis of its records."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

SIGNS = {"max": 1.0, "min": -1.0}  # direction of an objective -> factor that makes more of it better
_CONSTRAINT = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sense><=|>=)\s*(?P<bound>[^<>=]+?)\s*")


class WrittenConstraint(NamedTuple):
    """The parts of a constraint such as `val_clean_acc >= 80%`."""

    metric: str
    sense: str
    bound: str


def split_constraint(text: str) -> WrittenConstraint | None:
    """Return the parts of a constraint; None if the text is none."""
    match = _CONSTRAINT.fullmatch(text)
    return WrittenConstraint(match["metric"], match["sense"], match["bound"]) if match else None


def measure_violation(values: Any, sense: str, bound: float) -> Any:
    """Return by how much a number, or an array of them, misses a bound; 0 or less where it keeps it."""
    return bound - values if sense == ">=" else values - bound
