"""The `budget:` block: what a sweep may cost."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveInt

from trainers.formatting import format_duration
from trainers.knobs import Knobs, Real, parse_number

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
UNIT_NAMES = {
    "trials": "trainings",
    "epochs": "epochs",
    "passes": "forwards and backwards",
    "gpu_hours": "GPU hours",
    "wall": "wall time",
}
_WALL = re.compile(r"(?:\d+(?:\.\d+)?\s*[dhms]\s*)+")


def _parse_seconds(value: Any) -> Any:
    """Read 8h, 90m or 1h30m as seconds; leave numbers to the next validator."""
    if isinstance(value, str) and _WALL.fullmatch(value.strip()):
        return sum(float(count) * _SECONDS[unit] for count, unit in re.findall(r"([\d.]+)\s*([dhms])", value))
    if isinstance(value, str) and isinstance(parse_number(value), str):
        raise ValueError(f"a time is written 8h, 90m, 1h30m, or as a number of seconds; got {value!r}")
    return value


class Budget(Knobs):
    """Limits on the cost of a sweep. It ends cleanly when it reaches one, and continues once that limit is raised.

    A pass is one forward or backward of one training example, which makes methods comparable: for each example and
    epoch PGD-10 costs 22 passes, TRADES 24, ATTA 4. Evaluation counts in hours and in no other unit.
    """

    trials: PositiveInt | None = None  # trainings: every seed counts, and so do profiles and pretrainings
    epochs: PositiveInt | None = (
        None  # as planned: a shared epoch counts once, and an epoch that stopping saves still counts
    )
    passes: Annotated[Real, Field(gt=0)] | None = None
    gpu_hours: Annotated[Real, Field(gt=0)] | None = None  # hours times the share of a GPU, evaluation included
    wall: Annotated[Real, Field(gt=0), BeforeValidator(_parse_seconds)] | None = (
        None  # seconds, over all runs of the sweep
    )

    def __str__(self) -> str:
        return ", ".join(format_budget(unit, allowed) for unit, allowed in self if allowed is not None)


def format_budget(unit: str, allowed: float) -> str:
    """Format one limit for users."""
    if unit == "wall":
        return f"{format_duration(allowed)} of {UNIT_NAMES[unit]}"
    return f"{allowed:g} {UNIT_NAMES[unit]}" if isinstance(allowed, float) else f"{allowed} {UNIT_NAMES[unit]}"
