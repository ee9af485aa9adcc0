"""The base of every piece of a configuration, and the number types a YAML file may write."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Knobs(BaseModel):
    """A closed, strict, frozen set of knobs: fields are YAML keys, methods are the formula that uses them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def at(self, epoch: int, epochs: int) -> Any:
        """This piece as it acts in one epoch (0-based) of `epochs`: schedules become numbers, off parts vanish."""
        now = {key: value.at(epoch, epochs) for key, value in self.__dict__.items() if isinstance(value, Knobs)}
        changed = {key: value for key, value in now.items() if value is not getattr(self, key)}
        return self.model_copy(update=changed) if changed else self

    def moves(self) -> bool:
        """Whether the piece may act differently in different epochs; a class with an `at` of its own says so."""
        return any(value.moves() for value in self.__dict__.values() if isinstance(value, Knobs))


def number(value: Any) -> Any:
    """Read '8/255' and '1e-3' (a string to YAML 1.1) as numbers; leave the rest to the validator behind."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    try:
        return float(Fraction(value.replace(" ", "") if isinstance(value, str) else value))
    except (ValueError, ArithmeticError):  # no number, x/0, or beyond the range of floats
        return value


Real = Annotated[float, BeforeValidator(number)]
Share = Annotated[Real, Field(ge=0, le=1)]

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _size(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 1:
            raise ValueError(f"a size is a count of at least 1 or a share such as '80%'; got {value}")
        return value
    match = _PERCENT.fullmatch(value.strip())
    if not match or not 0 < float(match[1]) <= 100:
        raise ValueError(f"a size is a count or a share between '0%' and '100%', such as '80%'; got {value!r}")
    return value.strip().replace(" ", "")


Size = Annotated[int | str, AfterValidator(_size)]


def count(size: int | str, total: int, what: str) -> int:
    """The number of examples that a count or a share of `total` asks for.

    Raises ValueError if it asks for none or for more than there are.
    """
    n = round(total * float(size[:-1]) / 100) if isinstance(size, str) else size
    if not 1 <= n <= total:
        raise ValueError(f"{what}: asked for {size}, that is {n} of {total} examples; ask for 1 to {total}")
    return n


def _duration(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"a number of epochs of at least 0, or a share of them such as '50%'; got {value}")
        return value
    match = _PERCENT.fullmatch(value.strip())
    if not match or float(match[1]) > 100:
        raise ValueError(f"a number of epochs, or a share of them between '0%' and '100%'; got {value!r}")
    return value.strip().replace(" ", "")


Duration = Annotated[int | str, AfterValidator(_duration)]


def lasting(duration: int | str, epochs: int) -> int:
    """The number of epochs that a number of them, or a share of `epochs`, is."""
    return round(epochs * float(duration[:-1]) / 100) if isinstance(duration, str) else duration


_RELATIVE = re.compile(r"(?:(?P<times>[\d.]+)\s*\*\s*)?epsilon(?:\s*/\s*(?P<by>[\d.]+))?")


def _step_size(value: Any) -> Any:
    if isinstance(value, str) and (match := _RELATIVE.fullmatch(value.strip())):
        if float(match["times"] or 1) <= 0 or float(match["by"] or 1) <= 0:
            raise ValueError(f"a step size is positive; got {value!r}")
        return value.strip().replace(" ", "")
    value = number(value)
    if isinstance(value, float) and value > 0:
        return value
    raise ValueError(f"a step size is a positive number (2/255) or a multiple of epsilon (epsilon/4); got {value!r}")


StepSize = Annotated[float | str, BeforeValidator(_step_size)]


def step_length(step_size: float | str, epsilon: Any) -> Any:
    """The step in pixels of [0, 1]: itself, or the written multiple of epsilon, a number or one an example."""
    if isinstance(step_size, float):
        return step_size
    match = _RELATIVE.fullmatch(step_size)
    if match is None:
        raise ValueError(f"no step size: {step_size!r}")
    return float(match["times"] or 1) * epsilon / float(match["by"] or 1)
