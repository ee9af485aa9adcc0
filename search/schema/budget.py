"""What a sweep may cost at most."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveInt

from trainers.formatting import format_duration
from trainers.knobs import Knobs, Real, parse_number

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
WORDS = {
    "trials": "trainings",
    "epochs": "epochs",
    "passes": "forwards and backwards",
    "gpu_hours": "GPU hours",
    "wall": "wall time",
}
_WALL = re.compile(r"(?:\d+(?:\.\d+)?\s*[dhms]\s*)+")


def _seconds(value: Any) -> Any:
    """Read 8h, 90m or 1h30m as seconds; leave numbers to the validator behind."""
    if isinstance(value, str) and _WALL.fullmatch(value.strip()):
        return sum(float(count) * _SECONDS[unit] for count, unit in re.findall(r"([\d.]+)\s*([dhms])", value))
    if isinstance(value, str) and isinstance(parse_number(value), str):
        raise ValueError(f"a time is written 8h, 90m, 1h30m, or as a number of seconds; got {value!r}")
    return value


class Budget(Knobs):
    """What a sweep may cost; it ends cleanly once any of it is used up, and goes on when it is raised.

    A pass is a forward or a backward of one example in training, so that methods compare: PGD-10 costs 22 of them an
    example and epoch, TRADES 24, ATTA 4. Evaluation is in the hours and in no other unit.
    """

    trials: PositiveInt | None = None  # trainings, each seed one, those made first included
    epochs: PositiveInt | None = None  # as planned: a shared one once, and also one that stopping spares
    passes: Annotated[Real, Field(gt=0)] | None = None
    gpu_hours: Annotated[Real, Field(gt=0)] | None = None  # of a training's share of a GPU, evaluation included
    wall: Annotated[Real, Field(gt=0), BeforeValidator(_seconds)] | None = None  # seconds, over all runs of the sweep

    def __str__(self) -> str:
        return ", ".join(shown(unit, allowed) for unit, allowed in self if allowed is not None)


def shown(unit: str, allowed: float) -> str:
    """A budget as a user reads it."""
    if unit == "wall":
        return f"{format_duration(allowed)} of {WORDS[unit]}"
    return f"{allowed:g} {WORDS[unit]}" if isinstance(allowed, float) else f"{allowed} {WORDS[unit]}"
