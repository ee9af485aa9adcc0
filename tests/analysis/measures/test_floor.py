"""The floor of best − last, and the fall along the plateau, on simulated curves whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from analysis.measures.floor import (
    AccuracyCurve,
    DifferenceSum,
    Floor,
    estimate_floor,
    estimate_scatter,
    expect_gap,
    fit_climb,
    fit_fall,
    second_differences,
    sum_differences,
)

SEEDS, STUDIES = 3, 250
SCATTER = (0.002, 0.0035, 0.005, 0.0065)  # points / 100, of 10,000 to 1,000 test images


def curve(accuracy: np.ndarray, lr: np.ndarray | None = None) -> AccuracyCurve:
    return AccuracyCurve(accuracy, np.full(len(accuracy), 0.1) if lr is None else lr)


def simulate(truth: np.ndarray, s: float, studies: int = STUDIES) -> list[Floor]:
    """Estimate the floors of studies of SEEDS curves each, which scatter about the truth."""
    noise = s * np.random.default_rng(0).standard_normal((studies, SEEDS, len(truth)))
    return [estimate_floor([curve(truth + one) for one in seeds]) for seeds in noise]


def best_less_last(truth: np.ndarray, s: float) -> float:
    found = truth + s * np.random.default_rng(1).standard_normal((20_000, len(truth)))
    return float((found.max(axis=1) - found[:, -1]).mean())


def flat(t: np.ndarray) -> np.ndarray:
    return np.full(len(t), 0.5)


def step(t: np.ndarray) -> np.ndarray:
    return np.where(t < 0.4, 0.4, 0.5)


def ramp(t: np.ndarray) -> np.ndarray:
    return np.minimum(0.3 + 0.5 * t, 0.5)


def saturating(t: np.ndarray) -> np.ndarray:
    return 0.5 - 0.3 * np.exp(-t / 0.05)


CLIMBS = [flat, step, ramp, saturating]


def decay(climb: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Let a climb fall by a point from its middle to its end."""
    return np.asarray(climb - 0.01 * np.maximum(2 * t - 1, 0))


@pytest.mark.parametrize("s", SCATTER)
@pytest.mark.parametrize("evaluations", [16, 40])
@pytest.mark.parametrize("climb", CLIMBS)
def test_the_floor_of_curves_that_never_fall_is_their_best_less_last(
    climb: Callable[[np.ndarray], np.ndarray], evaluations: int, s: float
) -> None:
    truth = climb(np.linspace(0, 1, evaluations))
    floor = np.mean([found.gap for found in simulate(truth, s)])
    assert floor == pytest.approx(best_less_last(truth, s), abs=0.001)  # 0.1 points


@pytest.mark.parametrize("s", SCATTER)
@pytest.mark.parametrize("evaluations", [16, 40])
@pytest.mark.parametrize("climb", CLIMBS)
def test_the_floor_of_curves_that_overfit_is_that_of_the_same_curves_without(
    climb: Callable[[np.ndarray], np.ndarray], evaluations: int, s: float
) -> None:
    t = np.linspace(0, 1, evaluations)
    floor = np.mean([found.gap for found in simulate(decay(climb(t), t), s)])
    assert floor == pytest.approx(best_less_last(climb(t), s), abs=0.001)


@pytest.mark.parametrize("s", SCATTER)
@pytest.mark.parametrize("climb", [flat, step, ramp])
def test_a_fall_of_a_point_is_found_at_three_seeds(climb: Callable[[np.ndarray], np.ndarray], s: float) -> None:
    t = np.linspace(0, 1, 40)
    assert np.mean([found.fall.lo > 0 for found in simulate(decay(climb(t), t), s)]) >= 0.8


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_a_fall_of_ten_points_that_begins_halfway_is_told_although_it_bends(seeds: int) -> None:
    done = np.arange(1, 13) / 12  # 12 evaluations, without scatter
    accuracy = 0.5 * (1 - np.exp(-12 * done)) - 0.1 * np.maximum(0, 2 * done - 1)
    fall = estimate_floor([curve(accuracy)] * seeds).fall
    assert fall.lo > 0 and fall.mean == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize(("evaluations", "s"), [(8, 0.004), (16, 0.0065), (40, 0.0065)])
def test_so_many_evaluations_of_a_plateau_tell_a_fall_of_a_point(evaluations: int, s: float) -> None:
    falling = np.linspace(0.5, 0.49, evaluations)
    assert np.mean([found.fall.lo > 0 for found in simulate(falling, s, 500)]) >= 0.8


@pytest.mark.parametrize("climb", CLIMBS)
def test_curves_that_never_fall_are_seldom_found_to_fall(climb: Callable[[np.ndarray], np.ndarray]) -> None:
    found = simulate(climb(np.linspace(0, 1, 16)), 0.004, 500)
    assert np.mean([floor.fall.lo > 0 for floor in found]) <= 0.04  # 2.5 % are expected at most


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_wandering_plateaus_are_seldom_found_to_fall(correlation: float) -> None:
    """Neighbouring evaluations of one network agree; counted as independent, one plateau in six would fall."""
    rng, wander = np.random.default_rng(2), np.zeros((1000, SEEDS, 56))
    for t in range(1, wander.shape[2]):
        fresh = rng.standard_normal(wander.shape[:2])
        wander[..., t] = correlation * wander[..., t - 1] + math.sqrt(1 - correlation**2) * fresh
    assert np.mean([fit_fall(plateau).lo > 0 for plateau in wander[..., 40:]]) <= 0.06


def test_the_fall_is_that_of_the_least_squares_line() -> None:
    plateau = np.random.default_rng(3).standard_normal((3, 20))
    slope = np.polyfit(np.arange(20), plateau.mean(axis=0), 1)[0]
    assert fit_fall(plateau).mean == pytest.approx(-19 * slope)
    assert fit_fall(np.tile(np.linspace(0.7, 0.6, 9), (2, 1))) == pytest.approx((0.1, 0.1, 0.1))


def test_a_curve_that_climbs_to_its_end_has_a_short_plateau_and_no_fall() -> None:
    found = simulate(np.linspace(0.3, 0.5, 16), 0.002)
    assert all(floor.evaluations <= 2 and floor.fall.hi < 0 for floor in found)
    assert np.mean([floor.gap for floor in found]) < 0.001


def test_a_short_plateau_tells_no_fall() -> None:
    assert all(map(math.isnan, fit_fall(np.zeros((3, 5)))))


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, 0.0), (2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi)), (10, 1.538753), (100, 2.507594)],
)
def test_best_less_last_of_standard_normals(n: int, expected: float) -> None:
    assert expect_gap(np.zeros(n), np.ones(n)) == pytest.approx(expected, abs=1e-5)


def test_best_less_last_of_normals_with_other_means() -> None:
    level = np.array([-2.0, -0.5, 0.0, 0.0])
    assert expect_gap(level, np.full(4, 0.7)) == pytest.approx(best_less_last(level, 0.7), abs=0.02)
    assert expect_gap(level, np.zeros(4)) == 0 and math.isnan(expect_gap(level, np.full(4, math.nan)))


def test_a_trend_is_no_scatter() -> None:
    assert estimate_floor([curve(np.linspace(0.7, 0.6, 24))]).gap == pytest.approx(0, abs=1e-12)


def test_a_jump_where_the_learning_rate_drops_is_no_scatter() -> None:
    rng = np.random.default_rng(1)
    steps = np.arange(40)
    lr, jump = np.where(steps < 30, 0.1, 0.01), np.where(steps < 30, 0.0, 0.2)
    curves = [curve(0.5 + 0.005 * rng.standard_normal(40) + jump, lr) for _ in range(20)]
    assert sum_differences(second_differences(curves, 20)).scatter == pytest.approx(0.005, rel=0.15)
    blind = [curve(c.accuracy) for c in curves]
    assert sum_differences(second_differences(blind, 20)).scatter > 0.015


def test_each_learning_rate_on_the_plateau_has_its_own_scatter() -> None:
    """As on digits, scatter falls to a half and less where the learning rate drops."""
    rng, early = np.random.default_rng(6), np.arange(60) < 30
    s, lr = np.where(early, 0.006, 0.002), np.where(early, 0.1, 0.01)
    curves = [curve(0.5 + s * rng.standard_normal(60), lr) for _ in range(10)]
    found, borrowed = estimate_scatter(curves, 0, DifferenceSum())
    assert found == pytest.approx(s, rel=0.15) and not borrowed
    noise = s * rng.standard_normal((20_000, 60))
    assert expect_gap(np.zeros(60), found) == pytest.approx((noise.max(axis=1) - noise[:, -1]).mean(), rel=0.15)


@pytest.mark.parametrize("others", [DifferenceSum(), DifferenceSum(0.002 * math.sqrt(12 / math.pi) * 50, 50)])
def test_the_bend_of_a_climb_is_no_scatter_of_a_short_plateau(others: DifferenceSum) -> None:
    """A plateau of two evaluations takes the scatter of the setting, else that of the last six."""
    climb = np.concatenate([0.5 - 0.3 * 0.4 ** np.arange(8), [0.5, 0.5]])
    curves = [curve(climb + 0.002 * np.random.default_rng(seed).standard_normal(10)) for seed in range(3)]
    found, borrowed = estimate_scatter(curves, 8, others)
    assert borrowed == bool(others.n)
    assert (found == pytest.approx(0.002)) if borrowed else (found < 0.006).all()


def test_the_fitted_climb_never_falls_and_ends_in_the_plateau() -> None:
    rng = np.random.default_rng(4)
    shape = np.concatenate([np.linspace(0.3, 0.6, 8), np.full(4, 0.7), np.linspace(0.7, 0.66, 12)])
    curves = [curve(shape + 0.002 * rng.standard_normal(24)) for _ in range(3)]
    climb = fit_climb(curves)
    assert (np.diff(climb) >= 0).all() and np.flatnonzero(climb == climb[-1]).tolist() == [*range(8, 24)]
    assert climb[-1] == pytest.approx(shape[8:].mean(), abs=0.002) and estimate_floor(curves).evaluations == 16


def test_a_configuration_has_the_floor_of_its_own_scatter() -> None:
    rng = np.random.default_rng(5)
    calm, wild = ([curve(0.7 + s * rng.standard_normal(24)) for _ in range(3)] for s in (0.002, 0.02))
    others = sum_differences(np.concatenate([second_differences(calm, 0), second_differences(wild, 0)]))
    for curves, s in ((calm, 0.002), (wild, 0.02)):
        found = estimate_floor(curves, others)
        assert not found.borrowed and found.gap == pytest.approx(expect_gap(np.zeros(24), np.full(24, s)), rel=0.3)


def test_short_curves_borrow_the_scatter_of_their_setting() -> None:
    rng = np.random.default_rng(2)
    short = [curve(0.7 + 0.01 * np.array([0.3, -0.8, 0.9, -0.2]))]
    others = sum_differences(second_differences([curve(0.7 + 0.01 * rng.standard_normal(40)) for _ in range(10)], 0))
    assert math.isnan(estimate_floor(short).gap) and not estimate_floor(short).borrowed
    lent = estimate_floor(short, others)
    assert lent.borrowed and lent.gap == pytest.approx(expect_gap(fit_climb(short), np.full(4, 0.01)), rel=0.1)
    assert math.isnan(estimate_floor([]).gap)
