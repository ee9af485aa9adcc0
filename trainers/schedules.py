"""Schedules: a value as a function of the epoch, for the learning rate and for any knob that changes in time.

The forms are those of Rice et al. 2020 (arXiv:2002.11569) and of Fig. 11 of Zhang et al. 2021 (arXiv:2010.01736).
`t` is the fractional epoch and T the number of epochs; `drops` may be epochs or shares of T.

Epochs count from 0, as the text of the papers is read: a drop at 60 acts first in the 61st epoch. The code of GAIRAT,
FAT, TRADES, MART and self-adaptive training counts from 1 and so drops one epoch earlier; drops of 59, 89, ... follow
it. The code of Rice et al. looks at t at the end of an update, so that the last update before a drop has the new rate.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, model_validator

from trainers.knobs import Knobs, Real, Share, parse_number


def as_reals(value: Any) -> Any:
    return tuple(parse_number(item) for item in value) if isinstance(value, list | tuple) else value


Amount = Annotated[Real, Field(ge=0)]
Amounts = Annotated[tuple[Amount, ...], BeforeValidator(as_reals)]
Reals = Annotated[tuple[Real, ...], BeforeValidator(as_reals)]


class Curve(Knobs):
    """A value in time. As a knob of a piece it becomes the number that it has at the start of the epoch."""

    def value(self, t: float, epochs: int) -> float:
        """Return the value at the fractional epoch t."""
        raise TypeError(f"{type(self).__name__} is no schedule of its own")

    def at(self, epoch: int, epochs: int) -> float:  # type: ignore[override]
        return self.value(epoch, epochs)

    def lowest(self) -> float:
        """Return a lower bound of all values; forms that have only a peak stay above 0."""
        return 0.0

    def highest(self) -> float:
        """Return an upper bound of all values."""
        return float(getattr(self, "peak", math.inf))

    def knees(self, epochs: int) -> tuple[float, ...]:
        """Return the fractional epochs at which the curve bends, as a schedule that moves with every step then does."""
        return ()

    def moves(self) -> bool:
        return True


class Piecewise(Curve):
    """values[i] between drop i-1 and drop i; a drop below 1 is a share of T, otherwise an epoch (0-based)."""

    name: Literal["piecewise"] = "piecewise"
    values: Reals
    drops: Amounts

    @model_validator(mode="after")
    def _fits(self) -> Piecewise:
        if len(self.values) != len(self.drops) + 1:
            raise ValueError(
                f"needs one value more than drops; got {len(self.values)} values and {len(self.drops)} drops"
            )
        shares = [drop < 1 for drop in self.drops]
        if any(drop <= 0 for drop in self.drops) or any(shares) != all(shares):
            raise ValueError(f"drops are all epochs (>= 1) or all shares of the epochs (in (0, 1)); got {self.drops}")
        if list(self.drops) != sorted(set(self.drops)):
            raise ValueError(f"drops must increase; got {self.drops}")
        return self

    def value(self, t: float, epochs: int) -> float:
        scale = epochs if self.drops and self.drops[0] < 1 else 1
        drops = [round(drop * scale, 9) for drop in self.drops]  # 0.55 of 100 epochs is 55, not a hair more
        return self.values[bisect_right(drops, t)]

    def lowest(self) -> float:
        return min(self.values)

    def highest(self) -> float:
        return max(self.values)


class Line(Curve):
    """From `start` at epoch 0 to `end` at T: the linear lambda of the code of Zhang et al. 2021.

    `by` is the share of T at which it is at `end`, where it stays: 90% in NuAT.
    """

    name: Literal["line"] = "line"
    start: Real
    end: Real
    by: Annotated[Share, Field(gt=0, exclude_if=lambda share: share == 1)] = 1.0

    def value(self, t: float, epochs: int) -> float:
        return interpolate(t, (0, self.by * epochs), (self.start, self.end))

    def lowest(self) -> float:
        return min(self.start, self.end)

    def highest(self) -> float:
        return max(self.start, self.end)


class Linear(Curve):
    """Piecewise linear through (0, v), (T/3, v), (2T/3, v/10), (T, v/100) (Zhang et al. 2021, Fig. 11).

    The code of Rice et al. 2020 takes whole epochs, T // 3 and 2T // 3, and moves with every step (`per_step`).
    """

    name: Literal["linear"] = "linear"
    peak: Amount
    per_step: bool = False

    def value(self, t: float, epochs: int) -> float:
        ends = (0.0, *self.knees(epochs), float(epochs))
        return interpolate(t, ends, (self.peak, self.peak, self.peak / 10, self.peak / 100))

    def knees(self, epochs: int) -> tuple[float, ...]:
        return epochs / 3, 2 * (epochs / 3)


class Multiple(Curve):
    """v - floor(t / (T / 10)) * v / 10: ten equal steps down (Zhang et al. 2021, Fig. 11).

    The code of Rice et al. 2020 counts T // 10 epochs a step.
    """

    name: Literal["multiple"] = "multiple"
    peak: Amount

    def value(self, t: float, epochs: int) -> float:
        return self.peak * (1 - math.floor(t * 10 / epochs) / 10)


class Cyclic(Curve):
    """The triangle 0 -> peak at the share `peak_at` of T -> 0 at T.

    40% is 'superconverge' of Rice et al. 2020 (whose code takes the whole epoch 2T // 5) and the first commit of Wong
    et al. 2020, arXiv:2001.03994; 50% is the code of Wong et al. since 2019-12-21. Wong et al. make the first update
    at rate 0; here, as in the code of Rice et al., an update has the rate that its end has in the triangle.
    """

    name: Literal["cyclic"] = "cyclic"
    peak: Amount
    peak_at: Annotated[Share, Field(gt=0, lt=1, exclude_if=lambda share: share == 0.4)] = 0.4
    per_step: bool = True

    def value(self, t: float, epochs: int) -> float:
        return interpolate(t, (0, self.peak_at * epochs, epochs), (0, self.peak, 0))

    def knees(self, epochs: int) -> tuple[float, ...]:
        return (self.peak_at * epochs,)


class Cosine(Curve):
    """v / 2 * (1 + cos(pi t / T)); in the code of Rice et al. 2020 it moves with every step (`per_step`)."""

    name: Literal["cosine"] = "cosine"
    peak: Amount
    per_step: bool = False

    def value(self, t: float, epochs: int) -> float:
        return self.peak / 2 * (1 + math.cos(math.pi * t / epochs))


class Jump(Curve):
    """v * 0.1 ** floor(max(t - first + every, 0) / every): drops at first, first + every, ... (Liu et al. 2021)."""

    name: Literal["jump"] = "jump"
    peak: Amount
    first: PositiveInt
    every: PositiveInt

    def value(self, t: float, epochs: int) -> float:
        return self.peak * 0.1 ** math.floor(max(t - self.first + self.every, 0) / self.every)


class Ramp(Knobs):
    """A per-step schedule within one epoch: from `start` to `end`, linear in the steps."""

    name: Literal["ramp"] = "ramp"
    start: Amount
    end: Amount

    def at_step(self, step: int, steps: int) -> float:
        """Return the value of one step (0-based) of an epoch of `steps`, taken at the end of the step."""
        return self.start + (self.end - self.start) * (step + 1) / steps


class Bend(Knobs):
    """A per-step schedule within an epoch in which it bends: the polyline through (shares[i], values[i])."""

    name: Literal["bend"] = "bend"
    shares: Reals  # of the epoch, from 0 to 1
    values: Amounts

    @model_validator(mode="after")
    def _fits(self) -> Bend:
        rises = list(self.shares) == sorted(set(self.shares)) and len(self.shares) > 1
        if not rises or (self.shares[0], self.shares[-1]) != (0, 1) or len(self.values) != len(self.shares):
            raise ValueError(f"needs shares that rise from 0 to 1 and a value for each; got {self.at}, {self.values}")
        return self

    @property
    def start(self) -> float:
        return self.values[0]

    @property
    def end(self) -> float:
        return self.values[-1]

    def at_step(self, step: int, steps: int) -> float:
        """Return the value of one step, as a Ramp does."""
        return interpolate((step + 1) / steps, self.shares, self.values)


def _not_negative(value: Any) -> Any:
    if isinstance(value, Curve) and value.lowest() < 0:
        raise ValueError(f"a schedule of values of at least 0; got one that reaches {value.lowest():g}")
    return value


Form = Annotated[Piecewise | Line | Linear | Multiple | Cyclic | Cosine | Jump, Field(discriminator="name")]
Schedule = Annotated[Amount | Form, AfterValidator(_not_negative)]
SignedSchedule = Real | Form  # for the few knobs that may be negative


def interpolate(t: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """Return the value at t of the polyline through (xs, ys), constant beyond its ends."""
    for x0, x1, y0, y1 in zip(xs, xs[1:], ys, ys[1:], strict=False):
        if t <= x1:
            return y0 + (y1 - y0) * (
                max(t - x0, 0) / (x1 - x0)
            )  # with these brackets, rounding never goes below the lower end
    return ys[-1]


def schedule_in_epoch(schedule: float | Curve, epoch: int, epochs: int) -> float | Ramp | Bend:
    """Return a schedule within one epoch: a number, or a Ramp or Bend to the next epoch if it moves with every step."""
    if not isinstance(schedule, Curve):
        return schedule
    if not getattr(schedule, "per_step", False):
        return schedule.value(epoch, epochs)
    bends = [t for t in schedule.knees(epochs) if 1e-9 < t - epoch < 1 - 1e-9]
    if not bends:
        return Ramp(start=schedule.value(epoch, epochs), end=schedule.value(epoch + 1, epochs))
    ts = (epoch, *bends, epoch + 1)
    return Bend(shares=tuple(t - epoch for t in ts), values=tuple(schedule.value(t, epochs) for t in ts))
