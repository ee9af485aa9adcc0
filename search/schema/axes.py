"""Axes: which knobs vary over which values, and the points that a grid or a random draw makes of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from search.schema.labels import digits_between, distinct_labels, label_of
from search.schema.limits import AXIS, DEPTH
from search.schema.messages import nearest
from search.schema.yaml_tree import value_of
from trainers.knobs import Knobs, Real
from trainers.record_io import canonical, digest

Kind = Literal["grid", "choice", "uniform", "loguniform", "int"]
KINDS: tuple[Kind, ...] = ("grid", "choice", "uniform", "loguniform", "int")


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _values(value: Any) -> Any:
    """A list of values, or a mapping of their names to them."""
    if isinstance(value, dict):
        return {str(label): item for label, item in value.items()}
    if not isinstance(value, list | tuple):
        raise ValueError(f"an axis lists its values, [a, b], or names them, {{name: a}}; got {value!r}")
    return tuple(value)


def _check_finite(value: Any) -> None:
    """No JSON holds infinity, nor what is no number."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _check_finite(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number is finite; got {value}")


def _labels(value: Any) -> Any:
    """The labels that a condition asks for, one or a list, as it writes them."""
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed or any(isinstance(each, dict | list | tuple) for each in listed):
        raise ValueError(f"a condition names one label of an axis, or lists several; got {value!r}")
    return tuple(label_of(each) for each in listed)


Values = Annotated[dict[str, Any] | tuple[Any, ...], BeforeValidator(_values)]
Range = Annotated[tuple[Real, Real], BeforeValidator(_listed)]
IntRange = Annotated[tuple[int, int], BeforeValidator(_listed)]


def no_axis(value: Any) -> str:
    """What is wrong with a value where an axis should stand."""
    listed = value if isinstance(value, list) else [value]
    return f"an axis says how its values are taken: write {{grid: {listed}}} for each in turn"


class Choice(Knobs):
    """One value of an axis and the short label it has in ids, tables and figures."""

    label: str
    value: Any


class Axis(Knobs):
    """Exactly one of grid, choice, uniform, loguniform, int; `when` limits it to labels of other axes.

    grid and choice list values, or name them: {small: {...}, large: {...}}. grid is crossed with the other axes;
    choice is drawn from, like the ranges, in a random search.
    """

    grid: Values | None = None
    choice: Values | None = None
    uniform: Range | None = None
    loguniform: Range | None = None
    int: IntRange | None = None
    when: dict[str, Annotated[tuple[str, ...], BeforeValidator(_labels)]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _says_how(cls, value: Any) -> Any:
        if not isinstance(value, dict | Axis):
            raise ValueError(no_axis(value))
        return value

    @model_validator(mode="after")
    def _one(self) -> Axis:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"an axis has exactly one of {', '.join(KINDS)}; got {', '.join(given) or 'none'}")
        values = getattr(self, self.kind)
        _check_finite(values)
        if self.kind in ("grid", "choice"):
            if not values:
                raise ValueError("an axis needs at least one value; got none")
            if len(values) > AXIS:
                raise ValueError(f"an axis has at most {AXIS:,} values; got {len(values):,}")
            same = [_twice(self._choices, lambda it: canonical(it.value)), _twice(self._choices, lambda it: it.label)]
            for choice in filter(None, same):
                raise ValueError(f"an axis lists each value once; got {label_of(choice.value)} twice")
            return self
        low, high = values
        if not low < high or (self.kind == "loguniform" and low <= 0):
            raise ValueError(f"{self.kind}: needs low < high{' and low > 0' * (self.kind == 'loguniform')}")
        if not math.isfinite(high - low):
            raise ValueError(f"{self.kind}: from {low:g} to {high:g} is farther than numbers reach")
        return self

    @property
    def kind(self) -> Kind:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    def choices(self) -> list[Choice]:
        """The listed values; of a range, its two ends, which is where a mistake shows."""
        return self._choices

    @cached_property
    def _choices(self) -> list[Choice]:
        values = getattr(self, self.kind)
        if isinstance(values, dict):
            return [Choice(label=label, value=value) for label, value in values.items()]
        labels = distinct_labels(values)
        return [Choice(label=label, value=value) for label, value in zip(labels, values, strict=True)]

    @cached_property
    def _by_label(self) -> dict[str, Choice]:
        return {choice.label: choice for choice in self._choices}

    def draw(self, rng: np.random.Generator) -> Choice:
        """One value at random."""
        if self.kind in ("grid", "choice"):
            choices = self.choices()
            return choices[rng.integers(len(choices))]
        low, high = getattr(self, self.kind)
        value: Any
        if self.kind == "int":
            value = int(rng.integers(low, high + 1))
        elif self.kind == "uniform":
            value = float(rng.uniform(low, high))
        else:
            value = math.exp(rng.uniform(math.log(low), math.log(high)))
        return self.chosen(value)

    def at_quantile(self, share: float) -> Choice:
        """The value below which a share of [0, 1) of all draws lies; listed values are alike likely."""
        if self.kind in ("grid", "choice"):
            choices = self.choices()
            return choices[int(share * len(choices))]
        low, high = getattr(self, self.kind)
        if self.kind == "int":
            return self.chosen(low + int(share * (high + 1 - low)))
        if self.kind == "uniform":
            return self.chosen(low + share * (high - low))
        return self.chosen(math.exp((1 - share) * math.log(low) + share * math.log(high)))

    def parameter(self, choice: Choice) -> Any:
        """A choice as a number or a word: of listed values the label, as they may be mappings."""
        return choice.label if self.kind in ("grid", "choice") else choice.value

    def chosen(self, parameter: Any) -> Choice:
        """The choice that a number or a word stands for."""
        if self.kind in ("grid", "choice"):
            return self._by_label[parameter]
        return Choice(label=label_of(parameter, digits_between(*getattr(self, self.kind))), value=parameter)

    def never(self, path: str, label: str) -> str | None:
        """Why no value that this axis draws has a label, if none has."""
        if self.kind in ("grid", "choice"):
            known = list(self._by_label)
            return None if label in self._by_label else f"axis {path} has no value {label!r}{nearest(label, known)}"
        low, high = getattr(self, self.kind)
        if self.kind == "int":
            within = re.fullmatch(r"0|-?[1-9]\d*", label) and low <= int(label) <= high
            return None if within else f"axis {path} has no value {label!r} (allowed: {low} to {high})"
        drawn = f"axis {path} is drawn from a range, so that it never is {label!r}"
        return f"{drawn}; `when` names values of grid, choice or int"

    def applies(self, point: dict[str, Choice]) -> bool:
        """Whether a conditional axis acts at a point: each axis it names has one of the labels it lists."""
        return all(path in point and point[path].label in labels for path, labels in self.when.items())


def _matched(axes: dict[str, Axis]) -> dict[str, Axis]:
    """Conditions name labels as those axes have them, also where a value is written otherwise: 0.10 for 0.1."""
    for path in axes:
        if path.count(".") >= DEPTH:
            raise ValueError(f"an axis is the path of a knob; got {path[:40]}..., {path.count('.') + 1} levels deep")
    return {path: axis.model_copy(update={"when": _known(axis, axes)}) for path, axis in axes.items()}


def _known(axis: Axis, axes: dict[str, Axis]) -> dict[str, tuple[str, ...]]:
    return {
        path: tuple(_label(label, path, axes[path]) if path in axes else label for label in labels)
        for path, labels in axis.when.items()
    }


def _label(written: str, path: str, axis: Axis) -> str:
    if not axis.never(path, written):
        return written
    read = label_of(value_of(written))
    return written if axis.never(path, read) else read


def _twice(choices: Sequence[Choice], by: Callable[[Choice], str]) -> Choice | None:
    times = Counter(map(by, choices))
    return next((choice for choice in choices if times[by(choice)] > 1), None)


Axes = Annotated[dict[str, Axis], AfterValidator(_matched)]
Point = dict[str, Choice]


def impossible(axes: dict[str, Axis]) -> list[tuple[str, str]]:
    """Conditions that no point can meet, as (path of the axis, message)."""
    found = []
    for path, axis in axes.items():
        for other, labels in axis.when.items():
            if other not in axes:
                found.append((path, f"no axis {other!r}{nearest(other, list(axes))}"))
            else:
                found += [(path, message) for label in labels if (message := axes[other].never(other, label))]
    return found


def grid_points(axes: dict[str, Axis]) -> list[Point]:
    """The full cross of all axes, in the order written; conditional axes only where they apply."""
    points = (
        _conditional(axes, dict(zip(axes, combination, strict=True)))
        for combination in product(*(axis.choices() for axis in axes.values()))
    )
    return _distinct(points)


def random_points(axes: dict[str, Axis], trials: int, seed: int) -> list[Point]:
    """Independent draws; the i-th depends on (seed, i) alone, so that asking for more keeps those there were."""
    points = []
    for i in range(trials):
        rng = np.random.default_rng([seed, i])
        points.append(_conditional(axes, {path: axis.draw(rng) for path, axis in axes.items()}))
    return _distinct(points)


def qmc_points(axes: dict[str, Axis], trials: int, seed: int) -> list[Point]:
    """A scrambled Sobol sequence, which covers the space more evenly than draws; more keep those there were."""
    if not axes:
        return random_points(axes, trials, seed)
    from scipy.stats.qmc import Sobol  # late: it takes half a second, and only this strategy needs it

    sobol = Sobol(len(axes), rng=seed).random_base2(max(trials - 1, 0).bit_length())
    rows = [dict(zip(axes, row, strict=True)) for row in sobol[:trials].tolist()]
    return _distinct(_conditional(axes, {path: axes[path].at_quantile(u) for path, u in row.items()}) for row in rows)


def _distinct(points: Iterable[Point]) -> list[Point]:
    return list({canonical({path: choice.value for path, choice in p.items()}): p for p in points}.values())


def _conditional(axes: dict[str, Axis], point: Point) -> Point:
    """An axis that does not apply takes along those that are conditional on it."""
    while dropped := [path for path in point if not axes[path].applies(point)]:
        point = {path: choice for path, choice in point.items() if path not in dropped}
    return point


def name_of(point: Point) -> str:
    """A point as part of a folder's name, which holds at most 255 characters."""
    name = ",".join(f"{path.rpartition('.')[2]}={slug(choice.label)}" for path, choice in point.items())
    return name if len(name) <= 200 else f"{name[:180]}~{digest(name)[:12]}"


def slug(text: str) -> str:
    """A label as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")
