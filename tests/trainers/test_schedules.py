"""Schedules take the papers' values at and around every breakpoint."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from trainers.knobs import Knobs
from trainers.optimizers import SGD, Adam
from trainers.schedules import (
    Bend,
    Cosine,
    Curve,
    Cyclic,
    Jump,
    Line,
    Linear,
    Multiple,
    Piecewise,
    Ramp,
    Schedule,
    interpolate,
    schedule_in_epoch,
)

FORMS: list[Curve] = [
    Piecewise(values=(0.1, 0.01, 0.001), drops=(0.5, 0.75)),
    Line(start=0.1, end=0.01),
    Linear(peak=0.1),
    Multiple(peak=0.1),
    Cyclic(peak=0.1),
    Cosine(peak=0.1),
    Jump(peak=0.1, first=5, every=2),
]
every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
epochs_of_training = st.integers(1, 300)


def parse(text: str) -> Any:
    return TypeAdapter(Schedule, config=Knobs.model_config).validate_python(yaml.safe_load(text))


def table(schedule: Curve, epochs: int) -> list[float]:
    return [schedule.at(epoch, epochs) for epoch in range(epochs)]


def test_rice_piecewise() -> None:
    values = table(Piecewise(values=(0.1, 0.01, 0.001), drops=(0.5, 0.75)), 200)
    assert values == [0.1] * 100 + [0.01] * 50 + [0.001] * 50


def test_gairat_piecewise_drops_at_its_one_based_epochs() -> None:
    """T = 120, epochs counted from 1: 59 -> .1, 60 -> .01, 90 -> .001, 110 -> .0005."""
    values = table(Piecewise(values=(0.1, 0.01, 0.001, 0.0005), drops=(59, 89, 109)), 120)
    assert {e: values[e - 1] for e in (1, 59, 60, 89, 90, 109, 110, 120)} == {
        1: 0.1, 59: 0.1, 60: 0.01, 89: 0.01, 90: 0.001, 109: 0.001, 110: 0.0005, 120: 0.0005
    }  # fmt: skip


def test_atta_piecewise_trains_29_6_and_3_epochs() -> None:
    values = table(Piecewise(values=(0.1, 0.01, 0.001), drops=(29, 35)), 38)
    assert [values.count(v) for v in (0.1, 0.01, 0.001)] == [29, 6, 3]


def test_jump_trains_30_6_and_2_epochs() -> None:
    values = table(Jump(peak=0.1, first=30, every=6), 38)
    assert values == pytest.approx([0.1] * 30 + [0.01] * 6 + [0.001] * 2)


@pytest.mark.parametrize(("first", "every", "epochs"), [(100, 50, 200), (50, 25, 100)])
def test_jump_drops_tenfold_at_first_and_every_so_many_epochs(first: int, every: int, epochs: int) -> None:
    jump = Jump(peak=1, first=first, every=every)
    for drop in range(first, epochs, every):
        assert jump.at(drop, epochs) == pytest.approx(jump.at(drop - 1, epochs) / 10)
        assert jump.at(drop + every - 1, epochs) == jump.at(drop, epochs)


@given(st.integers(1, 99), st.integers(1, 300))
def test_a_drop_at_a_share_is_at_the_first_epoch_not_before_it(percent: int, epochs: int) -> None:
    values = table(Piecewise(values=(1, 0), drops=(percent / 100,)), epochs)
    first = -(-percent * epochs // 100)  # in whole numbers: 0.55 * 100 in floats is more than 55
    assert values == [1.0] * first + [0.0] * (epochs - first)


def test_linear_corners() -> None:
    linear = Linear(peak=0.1)
    assert [linear.value(t, 30) for t in (0, 5, 10, 15, 20, 25, 30)] == pytest.approx(
        [0.1, 0.1, 0.1, 0.055, 0.01, 0.0055, 0.001]
    )


def test_a_line_joins_its_ends_and_may_lie_below_zero() -> None:
    """Lambda of Zhang et al. 2021 in their code: L - (e/T) (L - lambda), from L down to lambda."""
    line = Line(start=3, end=-1)
    assert [line.value(t, 40) for t in (0, 10, 20, 30, 40)] == [3, 2, 1, 0, -1]
    assert (line.lowest(), Line(start=-2, end=5).lowest()) == (-1, -2)


def test_multiple_takes_ten_steps_down() -> None:
    values = table(Multiple(peak=0.1), 50)
    assert values == pytest.approx([0.1 - step * 0.01 for step in range(10) for _ in range(5)])


def test_cyclic_peaks_at_two_fifths() -> None:
    cyclic = Cyclic(peak=0.2)
    assert [cyclic.value(t, 15) for t in (0, 3, 6, 10.5, 15)] == pytest.approx([0, 0.1, 0.2, 0.1, 0])


def test_wong_since_december_2019_peaks_in_the_middle() -> None:
    """Their 15 epochs: 0 -> .2 at 7.5 -> 0."""
    cyclic = Cyclic(peak=0.2, peak_at=0.5)
    assert [cyclic.value(t, 15) for t in (0, 3.75, 7.5, 11.25, 15)] == pytest.approx([0, 0.1, 0.2, 0.1, 0])
    assert parse("{name: cyclic, peak: 0.2, peak_at: 50%}") == cyclic


def test_cosine_is_half_in_the_middle() -> None:
    cosine = Cosine(peak=0.2)
    assert [cosine.value(t, 20) for t in (0, 10, 20)] == pytest.approx([0.2, 0.1, 0])
    assert cosine.value(5, 20) == pytest.approx(0.1 * (1 + math.sqrt(0.5)))


@given(form=st.sampled_from(FORMS), epochs=epochs_of_training, t=st.floats(0, 1))
def test_values_lie_between_zero_and_the_peak(form: Curve, epochs: int, t: float) -> None:
    assert 0 <= form.value(t * epochs, epochs) <= 0.1 + 1e-12


@given(form=st.sampled_from([form for form in FORMS if not isinstance(form, Cyclic)]), epochs=epochs_of_training)
def test_all_but_the_cyclic_never_rise(form: Curve, epochs: int) -> None:
    assert all(later <= before + 1e-12 for before, later in pairwise(table(form, epochs)))


@every_form
def test_yaml_round_trip(form: Curve) -> None:
    assert parse(yaml.safe_dump(form.model_dump())) == form


def test_yaml_reads_numbers_within_lists() -> None:
    assert parse("{name: piecewise, values: [1/10, 1e-3], drops: [3]}") == Piecewise(values=(0.1, 0.001), drops=(3,))
    assert parse("1e-4") == 0.0001


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{name: piecewise, values: [1, 2], drops: [1, 2]}", "2 values and 2 drops"),
        ("{name: piecewise, values: [1, 2, 3], drops: [0.5, 75]}", "all epochs.*or all shares"),
        ("{name: piecewise, values: [1, 2], drops: [0]}", "all epochs.*or all shares"),
        ("{name: piecewise, values: [1, 2, 3], drops: [75, 50]}", "must increase"),
        ("{name: piecewise, values: [1, 2, 3], drops: [50, 50]}", "must increase"),
        ("{name: piecewise, values: [0.1, -0.1], drops: [50]}", "at least 0; got one that reaches -0.1"),
        ("{name: line, start: 1, end: -0.5}", "at least 0; got one that reaches -0.5"),
        ("{name: piecewise, values: [true, 1], drops: [50]}", "valid number"),
        ("{name: cyclic, peak: 1, peak_at: 0}", "greater than 0"),
        ("{name: cyclic, peak: 1, peak_at: 100%}", "less than 1"),
        ("{name: cyclic, peak: 1, peak_at: 6}", "less than"),
        ("{name: cosine, peak: -1}", "greater than or equal to 0"),
        ("{name: cosine, peak: 1, per_step: 1}", "valid boolean"),
        ("{name: jump, peak: 1, first: 0, every: 1}", "greater than 0"),
        ("{name: triangle, peak: 1}", "'piecewise', 'line', 'linear'"),
        ("-0.1", "greater than or equal to 0"),
    ],
)
def test_wrong_schedules_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)


def test_interpolation_is_constant_beyond_the_ends() -> None:
    assert [interpolate(t, (1, 2, 4), (0, 1, 3)) for t in (0, 1, 1.5, 2, 3, 4, 9)] == [0, 0, 0.5, 1, 2, 3, 3]


def test_within_an_epoch_a_schedule_is_its_number_or_a_ramp() -> None:
    assert schedule_in_epoch(0.3, 2, 10) == 0.3
    assert schedule_in_epoch(Multiple(peak=1), 2, 10) == 0.8
    assert schedule_in_epoch(Cyclic(peak=1), 1, 10) == Ramp(start=0.25, end=0.5)
    assert schedule_in_epoch(Cyclic(peak=1, per_step=False), 1, 10) == 0.25
    assert schedule_in_epoch(Cyclic(peak=1, peak_at=0.25), 2, 10) == Bend(shares=(0, 0.5, 1), values=(0.8, 1, 14 / 15))
    assert schedule_in_epoch(Cosine(peak=1, per_step=True), 0, 2) == Ramp(start=1, end=0.5)


def test_a_ramp_moves_with_every_step_and_joins_the_next_epoch() -> None:
    """The code of Rice et al. sets lr(epoch + (i + 1) / steps) before step i."""
    sgd = SGD(lr=Cyclic(peak=0.2))
    first, second = sgd.at(0, 10), sgd.at(1, 10)
    assert [first.lr_at(step, 4) for step in range(4)] == pytest.approx([0.0125, 0.025, 0.0375, 0.05])
    assert second.lr_at(0, 4) == pytest.approx(0.0625)
    assert sgd.at(9, 10).lr_at(3, 4) == pytest.approx(0)


@given(
    form=st.sampled_from([Cyclic(peak=0.2, peak_at=0.5), Cyclic(peak=0.2), Linear(peak=0.1, per_step=True)]),
    epochs=st.integers(1, 40),
    steps=st.integers(1, 13),
)
def test_with_every_step_the_rate_lies_on_the_curve(form: Curve, epochs: int, steps: int) -> None:
    """Also within an epoch in which the curve bends: 15 epochs of a triangle that peaks at 7.5 reach its peak."""
    sgd = SGD(lr=form)  # type: ignore[arg-type]
    for epoch in range(epochs):
        now = sgd.at(epoch, epochs)
        rates = [now.lr_at(step, steps) for step in range(steps)]
        assert rates == pytest.approx([form.value(epoch + (i + 1) / steps, epochs) for i in range(steps)], abs=1e-9)


def test_the_peak_of_wong_et_al_is_reached_in_the_midst_of_an_epoch() -> None:
    rates = [SGD(lr=Cyclic(peak=0.2, peak_at=0.5)).at(7, 15).lr_at(step, 4) for step in range(4)]
    assert rates == pytest.approx([0.2 * 7.25 / 7.5, 0.2, 0.2 * 7.25 / 7.5, 0.2 * 7 / 7.5])


@pytest.mark.parametrize("epochs", range(5, 1000, 5))
def test_a_curve_that_bends_between_two_epochs_is_a_ramp_in_both(epochs: int) -> None:
    """Rounding makes 0.4 of 35 a hair more than 14."""
    cyclic = Cyclic(peak=0.2)
    assert all(
        isinstance(schedule_in_epoch(cyclic, epoch, epochs), Ramp) for epoch in (2 * epochs // 5 - 1, 2 * epochs // 5)
    )


def test_malformed_bends_are_refused() -> None:
    for shares, values in (((0, 1), (1,)), ((0.1, 1), (1, 2)), ((0, 0.5), (1, 2)), ((0, 1, 1), (1, 2, 3)), ((), ())):
        with pytest.raises(ValidationError, match="rise from 0 to 1"):
            Bend(shares=shares, values=values)


def test_a_number_holds_throughout_the_epoch() -> None:
    sgd = SGD(lr=Piecewise(values=(0.1, 0.01), drops=(0.5,))).at(5, 10)
    assert {sgd.lr_at(step, 4) for step in range(4)} == {0.01}


def test_defaults_of_the_papers() -> None:
    assert [SGD().at(epoch, 200).lr for epoch in (0, 99, 100, 149, 150, 199)] == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert (SGD().momentum, SGD().weight_decay, SGD().nesterov) == (0.9, 5e-4, False)
    assert Adam().at(7, 200).lr_at(0, 1) == 1e-4


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(ValidationError, match="nesterov needs a momentum"):
        SGD(nesterov=True, momentum=0)
