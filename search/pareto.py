"""Points of several objectives: the sign of an objective, and dominance between pairs.

trainers.objectives.non_dominated finds the front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from trainers.objectives import SIGNS

if TYPE_CHECKING:
    import numpy as np

Objectives = Mapping[str, str]  # name -> max or min


def to_maximise(values: Mapping[str, Any], objectives: Objectives) -> tuple[float, ...]:
    """Return the values of the objectives, in their order, with the sign that makes a higher value better."""
    return tuple(float(values[name]) * SIGNS[direction] for name, direction in objectives.items())


def as_recorded(values: Iterable[float], objectives: Objectives) -> dict[str, float]:
    """Return the values that `to_maximise` gave by the objectives' names and with the signs of the records."""
    pairs = zip(objectives.items(), values, strict=True)
    return {name: float(value) * SIGNS[direction] for (name, direction), value in pairs}


def dominates(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return for each pair [i, j] whether row i dominates row j of `others`; higher is better."""
    import numpy as np

    pairs = rows[:, None]
    return np.logical_and(np.all(pairs >= others, axis=2), np.any(pairs > others, axis=2))


def least_leads(points: np.ndarray, i: int) -> np.ndarray:
    """Return by how much each point leads point i in the objective where it leads least, (points,)."""
    leads: np.ndarray = (points - points[i]).min(axis=1)
    return leads
