"""The base of every piece of a configuration, and the number types a YAML file may write."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.fields import FieldInfo


class KnobError(ValueError):
    """Knobs below a piece are wrong: the problems by the paths of the knobs."""

    def __init__(self, problems: dict[tuple[str, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(knob)}: {message}" for knob, message in problems.items()))
        self.problems = problems


class Knobs(BaseModel):
    """A closed, strict, frozen set of knobs: fields are YAML keys, methods are the formula that uses them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def at(self, epoch: int, epochs: int) -> Any:
        """Return the piece as it acts in an epoch (0-based) of `epochs`: schedules become numbers, off parts vanish."""
        changed = {}
        for key, value in self.__dict__.items():  # planning calls this for every epoch of every method
            if isinstance(value, Knobs) and (now := value.at(epoch, epochs)) is not value:
                changed[key] = now
        return self.model_copy(update=changed) if changed else self

    @classmethod
    def written(cls) -> dict[str, FieldInfo]:
        """Return the keys that a YAML file may have: names of fields, or an alias if a key is a Python keyword."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    def moves(self) -> bool:
        """Return whether the piece may act differently in two epochs; classes with their own `at` override this."""
        return any(value.moves() for value in self.__dict__.values() if isinstance(value, Knobs))


_VAST = re.compile(r"[eE][-+]?\d{4}")  # an exponent beyond all floats, whose power would take hours


def parse_number(value: Any) -> Any:
    """Read '8/255' and '1e-3' (a string in YAML 1.1) as numbers; leave other values to the next validator."""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, str) and _VAST.search(value)):
        return value
    try:
        return float(Fraction(value.replace(" ", "") if isinstance(value, str) else value))
    except (ValueError, ArithmeticError):  # not a number, x/0, or beyond the range of floats
        return value


_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def parse_share(value: Any) -> Any:
    """Read '80%' as 0.8, and other values as `parse_number` does."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else parse_number(value)


Real = Annotated[float, BeforeValidator(parse_number)]
Share = Annotated[float, BeforeValidator(parse_share), Field(ge=0, le=1)]


def _no_fraction(value: Any) -> Any:
    if isinstance(value, float) and 0 < value < 1:
        raise ValueError(f"a share is written in percent, '{100 * value:g}%'; got {value:g}")
    return value


def _count_or_share(least: int, what: str) -> AfterValidator:
    """Return a validator of a count of at least `least`, or a share of all such as '80%'; 0% only if `least` is 0."""

    def read(value: int | str) -> int | str:
        if isinstance(value, int):
            fits = value >= least
        else:
            match = _PERCENT.fullmatch(value.strip())
            fits = match is not None and float(match[1]) <= 100 and (float(match[1]) > 0 or least == 0)
        if not fits:
            raise ValueError(f"{what} of at least {least}, or a share such as '80%', at most '100%'; got {value!r}")
        return value if isinstance(value, int) else value.strip().replace(" ", "")

    return AfterValidator(read)


Size = Annotated[int | str, BeforeValidator(_no_fraction), _count_or_share(1, "a size is a count")]


def is_none(size: int | str) -> bool:
    """Return whether a size is 0 or 0%."""
    return size == 0 if isinstance(size, int) else float(size[:-1]) == 0


SizeOrNone = Annotated[
    int | str,
    BeforeValidator(_no_fraction),
    _count_or_share(0, "a size is a count"),
    AfterValidator(lambda size: 0 if is_none(size) else size),  # one spelling, for one identity
]


def count(size: int | str, total: int, what: str) -> int:
    """Return the number of examples that a count or a share of `total` asks for.

    Raises ValueError if that is none, or more than there are.
    """
    n = round(total * float(size[:-1]) / 100) if isinstance(size, str) else size
    if not 1 <= n <= total:
        raise ValueError(f"{what}: asked for {size}, that is {n} of {total} examples; ask for 1 to {total}")
    return n


def fraction(size: int | str, total: int | None) -> float | None:
    """Return the fraction of `total` that a count or a share is, or None for a count of an unknown total."""
    if isinstance(size, str):
        return float(size[:-1]) / 100
    return size / total if total else None


Duration = Annotated[int | str, BeforeValidator(_no_fraction), _count_or_share(0, "a number of epochs")]
Moment = Annotated[int | str, BeforeValidator(_no_fraction), _count_or_share(1, "a number of epochs")]
FIRST_DROP = "first drop"


def _read_burn_in(value: Any, read: ValidatorFunctionWrapHandler) -> int | str:
    """Read `first drop`, a number of epochs, or a share of them."""
    if value == FIRST_DROP:
        return FIRST_DROP
    try:
        epochs: int | str = read(value)
        return epochs
    except ValidationError:
        raise ValueError(
            "should be a number of epochs that pass before, a share of all such as '50%', or 'first drop', where the "
            f"learning rate first drops; got {value!r}"
        ) from None


# The epochs that pass before a piece acts. A trial reads `first drop` as the epoch of its own learning rate's.
BurnIn = Annotated[Duration, WrapValidator(_read_burn_in)]


def settle_burn_ins(piece: Any, find_drop: Callable[[], int | None], path: tuple[str, ...] = ()) -> Any:
    """Return a piece in which `first drop` is the number of epochs before that drop, in the pieces below too.

    `find_drop` returns that number, or None if the learning rate never drops; `path` leads to the piece. Raises
    KnobError if it never drops.
    """
    changed = {}
    for key, value in piece.__dict__.items():  # planning calls this for every trial
        if value == FIRST_DROP:
            name = type(piece).model_fields[key].alias or key
            if (drop := find_drop()) is None:
                why = "first drop, and the learning rate never drops; give a number of epochs, or a share such as '50%'"
                raise KnobError({(*path, name): why})
            changed[key] = drop
        elif isinstance(value, Knobs) and (now := settle_burn_ins(value, find_drop, (*path, key))) is not value:
            changed[key] = now
    return piece.model_copy(update=changed) if changed else piece


def to_epochs(duration: int | str, epochs: int) -> int:
    """Return the number of epochs of a duration: a number of epochs, or a share of `epochs`."""
    return round(epochs * float(duration[:-1]) / 100) if isinstance(duration, str) else duration


_RELATIVE = re.compile(r"(?:(?P<times>[\d.]+)\s*\*\s*)?epsilon(?:\s*/\s*(?P<by>[\d.]+))?")


def _step_size(value: Any) -> Any:
    if isinstance(value, str) and (match := _RELATIVE.fullmatch(value.strip())):
        if float(match["times"] or 1) <= 0 or float(match["by"] or 1) <= 0:
            raise ValueError(f"a step size is positive; got {value!r}")
        return value.strip().replace(" ", "")
    value = parse_number(value)
    if isinstance(value, float) and value > 0:
        return value
    raise ValueError(f"a step size is a positive number (2/255) or a multiple of epsilon (epsilon/4); got {value!r}")


StepSize = Annotated[float | str, BeforeValidator(_step_size)]


def step_length(step_size: float | str, epsilon: Any) -> Any:
    """Return the step in pixels of [0, 1]: the number, or the multiple of epsilon, a number or one an example."""
    if isinstance(step_size, float):
        return step_size
    match = _RELATIVE.fullmatch(step_size)
    if match is None:
        raise ValueError(f"no step size: {step_size!r}")
    return float(match["times"] or 1) * epsilon / float(match["by"] or 1)
