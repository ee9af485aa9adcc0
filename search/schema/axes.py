"""Axes: the knobs that vary, the values they take, and the points that a grid or a random draw makes of them."""

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

from search.schema.labels import choose_digits, format_distinct_labels, format_label
from search.schema.limits import MAX_AXIS_VALUES, MAX_DEPTH
from search.schema.messages import suggest_allowed
from search.schema.yaml_tree import parse_or_keep
from trainers.knobs import Knobs, Real
from trainers.record_io import canonical, digest

AxisKind = Literal["grid", "choice", "uniform", "loguniform", "int"]
AXIS_KINDS: tuple[AxisKind, ...] = ("grid", "choice", "uniform", "loguniform", "int")


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read_values(value: Any) -> Any:
    """Accept a list of values, or a mapping of labels to values."""
    if isinstance(value, dict):
        return {str(label): item for label, item in value.items()}
    if not isinstance(value, list | tuple):
        raise ValueError(f"an axis lists its values, [a, b], or names them, {{name: a}}; got {value!r}")
    return tuple(value)


def _check_finite(value: Any) -> None:
    """Raise ValueError on infinity and NaN, which JSON cannot hold."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _check_finite(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number is finite; got {value}")


def _read_labels(value: Any) -> Any:
    """Return the labels that a condition names, one or a list."""
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed or any(isinstance(label, dict | list | tuple) for label in listed):
        raise ValueError(f"a condition names one label of an axis, or lists several; got {value!r}")
    return tuple(format_label(label) for label in listed)


Values = Annotated[dict[str, Any] | tuple[Any, ...], BeforeValidator(_read_values)]
Range = Annotated[tuple[Real, Real], BeforeValidator(_to_tuple)]
IntRange = Annotated[tuple[int, int], BeforeValidator(_to_tuple)]


def explain_non_axis(value: Any) -> str:
    """Return the problem of a value in place of an axis."""
    listed = value if isinstance(value, list) else [value]
    return f"an axis is a mapping, such as {{grid: {listed}}} to try each value"


class Choice(Knobs):
    """One value of an axis and the short label it has in ids, tables and figures."""

    label: str
    value: Any


class Axis(Knobs):
    """The values of one knob: exactly one of grid, choice, uniform, loguniform and int.

    grid and choice list values, or name them: {small: {...}, large: {...}}. A grid search crosses listed values with
    the other axes; other strategies draw from them, as from ranges. `when` limits the axis to labels of other axes.
    """

    grid: Values | None = None
    choice: Values | None = None
    uniform: Range | None = None
    loguniform: Range | None = None
    int: IntRange | None = None
    when: dict[str, Annotated[tuple[str, ...], BeforeValidator(_read_labels)]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _require_mapping(cls, value: Any) -> Any:
        if not isinstance(value, dict | Axis):
            raise ValueError(explain_non_axis(value))
        return value

    @model_validator(mode="after")
    def _check_values(self) -> Axis:
        given = [kind for kind in AXIS_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"an axis has exactly one of {', '.join(AXIS_KINDS)}; got {', '.join(given) or 'none'}")
        values = getattr(self, self.kind)
        _check_finite(values)
        if not self.is_range:
            if not values:
                raise ValueError("an axis needs at least one value; got none")
            if len(values) > MAX_AXIS_VALUES:
                raise ValueError(f"an axis has at most {MAX_AXIS_VALUES:,} values; got {len(values):,}")
            duplicates = [
                _find_duplicate(self.choices, lambda choice: canonical(choice.value)),
                _find_duplicate(self.choices, lambda choice: choice.label),
            ]
            for choice in filter(None, duplicates):
                raise ValueError(f"an axis lists each value once; got {format_label(choice.value)} twice")
            return self
        low, high = values
        if not low < high or (self.kind == "loguniform" and low <= 0):
            raise ValueError(f"{self.kind}: needs low < high{' and low > 0' * (self.kind == 'loguniform')}")
        if not math.isfinite(high - low):
            raise ValueError(f"{self.kind}: from {low:g} to {high:g} is farther than floats reach")
        return self

    @property
    def kind(self) -> AxisKind:
        return next(kind for kind in AXIS_KINDS if getattr(self, kind) is not None)

    @property
    def is_range(self) -> bool:
        """Return whether values are drawn from a range, not listed."""
        return self.kind not in ("grid", "choice")

    @cached_property
    def choices(self) -> list[Choice]:
        """The listed values, or the two ends of a range, where a mistake shows."""
        values = getattr(self, self.kind)
        if isinstance(values, dict):
            return [Choice(label=label, value=value) for label, value in values.items()]
        labels = format_distinct_labels(values)
        return [Choice(label=label, value=value) for label, value in zip(labels, values, strict=True)]

    @cached_property
    def _by_label(self) -> dict[str, Choice]:
        return {choice.label: choice for choice in self.choices}

    def draw(self, rng: np.random.Generator) -> Choice:
        """Draw a value at random."""
        if not self.is_range:
            choices = self.choices
            return choices[rng.integers(len(choices))]
        low, high = getattr(self, self.kind)
        value: Any
        if self.kind == "int":
            value = int(rng.integers(low, high + 1))
        elif self.kind == "uniform":
            value = float(rng.uniform(low, high))
        else:
            value = math.exp(rng.uniform(math.log(low), math.log(high)))
        return self.to_choice(value)

    def pick_at_quantile(self, share: float) -> Choice:
        """Return the value below which a share in [0, 1) of all draws lies; listed values are equally likely."""
        if not self.is_range:
            choices = self.choices
            return choices[int(share * len(choices))]
        low, high = getattr(self, self.kind)
        if self.kind == "int":
            return self.to_choice(low + int(share * (high + 1 - low)))
        if self.kind == "uniform":
            return self.to_choice(low + share * (high - low))
        return self.to_choice(math.exp((1 - share) * math.log(low) + share * math.log(high)))

    def to_parameter(self, choice: Choice) -> Any:
        """Return a choice as Optuna's parameter: the label of a listed value, which may be a mapping, or the number."""
        return choice.label if not self.is_range else choice.value

    def to_choice(self, parameter: Any) -> Choice:
        """Return the choice of a parameter as `to_parameter` makes it."""
        if not self.is_range:
            return self._by_label[parameter]
        return Choice(label=format_label(parameter, choose_digits(*getattr(self, self.kind))), value=parameter)

    def explain_unknown_label(self, path: str, label: str) -> str | None:
        """Return why this axis never has a value with this label, or None if it may have one.

        `path` names the axis in the message.
        """
        if not self.is_range:
            known = list(self._by_label)
            return (
                None
                if label in self._by_label
                else f"axis {path} has no value {label!r}{suggest_allowed(label, known)}"
            )
        low, high = getattr(self, self.kind)
        if self.kind == "int":
            within = re.fullmatch(r"0|-?[1-9]\d*", label) and low <= int(label) <= high
            return None if within else f"axis {path} has no value {label!r} (allowed: {low} to {high})"
        drawn = f"axis {path} is drawn from a range of real numbers and never is {label!r}"
        return f"{drawn}; `when` names values of grid, choice or int"

    def applies(self, point: dict[str, Choice]) -> bool:
        """Return whether the axis acts at a point: each axis in `when` has one of the listed labels there."""
        return all(path in point and point[path].label in labels for path, labels in self.when.items())


def _match_conditions(axes: dict[str, Axis]) -> dict[str, Axis]:
    """Rewrite labels in conditions as the axes spell them: 0.10 becomes 0.1."""
    for path in axes:
        if path.count(".") >= MAX_DEPTH:
            raise ValueError(f"an axis is the path of a key; got {path[:40]}..., {path.count('.') + 1} levels deep")
    return {path: axis.model_copy(update={"when": _match_labels(axis, axes)}) for path, axis in axes.items()}


def _match_labels(axis: Axis, axes: dict[str, Axis]) -> dict[str, tuple[str, ...]]:
    return {
        path: tuple(_match_label(label, path, axes[path]) if path in axes else label for label in labels)
        for path, labels in axis.when.items()
    }


def _match_label(written: str, path: str, axis: Axis) -> str:
    if not axis.explain_unknown_label(path, written):
        return written
    read = format_label(parse_or_keep(written))
    return written if axis.explain_unknown_label(path, read) else read


def _find_duplicate(choices: Sequence[Choice], by: Callable[[Choice], str]) -> Choice | None:
    times = Counter(map(by, choices))
    return next((choice for choice in choices if times[by(choice)] > 1), None)


Axes = Annotated[dict[str, Axis], AfterValidator(_match_conditions)]
AxisPoint = dict[str, Choice]


def find_impossible_conditions(axes: dict[str, Axis]) -> list[tuple[str, str]]:
    """Return the conditions that no point can meet, as (path of the axis, message)."""
    found = []
    for path, axis in axes.items():
        for other, labels in axis.when.items():
            if other not in axes:
                found.append((path, f"no axis {other!r}{suggest_allowed(other, list(axes))}"))
            else:
                found += [
                    (path, message) for label in labels if (message := axes[other].explain_unknown_label(other, label))
                ]
    return found


def list_grid_points(axes: dict[str, Axis]) -> list[AxisPoint]:
    """Return the full cross of all axes, in written order; a conditional axis is present only where it applies."""
    points = (
        _drop_inapplicable(axes, dict(zip(axes, combination, strict=True)))
        for combination in product(*(axis.choices for axis in axes.values()))
    )
    return _drop_duplicates(points)


def draw_random_points(axes: dict[str, Axis], trials: int, seed: int) -> list[AxisPoint]:
    """Draw points independently; the i-th depends on (seed, i) alone: a longer search begins with the same points."""
    points = []
    for i in range(trials):
        rng = np.random.default_rng([seed, i])
        points.append(_drop_inapplicable(axes, {path: axis.draw(rng) for path, axis in axes.items()}))
    return _drop_duplicates(points)


def draw_qmc_points(axes: dict[str, Axis], trials: int, seed: int) -> list[AxisPoint]:
    """Draw points from a scrambled Sobol sequence, which covers the space more evenly than independent draws.

    A longer search begins with the same points.
    """
    if not axes:
        return draw_random_points(axes, trials, seed)
    from scipy.stats.qmc import Sobol  # late: the import takes half a second, and only this strategy needs it

    sobol = Sobol(len(axes), rng=seed).random_base2(max(trials - 1, 0).bit_length())
    rows = [dict(zip(axes, row, strict=True)) for row in sobol[:trials].tolist()]
    points = ({path: axes[path].pick_at_quantile(share) for path, share in row.items()} for row in rows)
    return _drop_duplicates(_drop_inapplicable(axes, point) for point in points)


def _drop_duplicates(points: Iterable[AxisPoint]) -> list[AxisPoint]:
    return list({canonical({path: choice.value for path, choice in point.items()}): point for point in points}.values())


def _drop_inapplicable(axes: dict[str, Axis], point: AxisPoint) -> AxisPoint:
    """Remove axes that do not apply at a point, and then those whose conditions name a removed axis."""
    while dropped := [path for path in point if not axes[path].applies(point)]:
        point = {path: choice for path, choice in point.items() if path not in dropped}
    return point


def name_point(point: AxisPoint) -> str:
    """Return a point as part of a folder's name, at most 200 of the 255 characters that file systems allow."""
    name = ",".join(f"{path.rpartition('.')[2]}={slugify(choice.label)}" for path, choice in point.items())
    return name if len(name) <= 200 else f"{name[:180]}~{digest(name)[:12]}"


def slugify(text: str) -> str:
    """Return a label as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")
