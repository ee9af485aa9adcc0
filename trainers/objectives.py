"""Objectives, constraints and fronts, for the search and for the analysis of its records.

numpy and moocore are imported where they are used, since `python -m search.status` starts without them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

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


def non_dominated(
    points: Sequence[Sequence[float] | np.ndarray] | np.ndarray, keep_duplicates: bool = True
) -> np.ndarray:
    """Return which points no other point dominates, (points, objectives) -> (points,) bool; higher is better.

    A point that is not finite is on no front and dominates no point. Equal points stay together; without
    `keep_duplicates` only the first one stays.
    """
    import moocore
    import numpy as np

    table = np.asarray(points, dtype=float)
    front = np.zeros(len(table), dtype=bool)
    if len(table):  # moocore takes neither NaN nor an empty set
        finite = np.isfinite(table).all(axis=1)
        if finite.any():
            front[finite] = moocore.is_nondominated(table[finite], maximise=True, keep_weakly=keep_duplicates)
    return front
