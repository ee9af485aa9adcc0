"""Corollary 1: where the gap between hard and easy training sets rises with ε, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.theory.gap import bound_turn, compute_gap, find_counterexample
from analysis.theory.interpolation import (
    build_mixture,
    compute_margin,
    compute_robust_error,
    interpolate,
    measure_noise,
    place_training_set,
    simulate_robust_error,
)
from analysis.theory.settings import SETS, TOY, count_failures, draw_training_set, measure_toy, trace_gaps

ROUNDING = 1e-14
DISTANCES = st.lists(st.floats(0.1, 8), min_size=2, max_size=4, unique_by=lambda r: round(r, 1)).map(sorted)


def test_gap_of_the_small_example_has_the_recorded_numbers() -> None:
    gaps = compute_gap(TOY, measure_toy(), 1, 4, [0, 0.5, 1, 2])
    assert gaps.tolist() == pytest.approx([0.0558, 0.0925, 0.1324, 0.2022], abs=5e-5)
    assert bound_turn(TOY, measure_toy(), 1, 4).rises_to == pytest.approx(0.762, abs=5e-4)


def test_sufficient_condition_is_not_necessary() -> None:
    turn = bound_turn(TOY, measure_toy(), 1, 4)
    gaps = compute_gap(TOY, measure_toy(), 1, 4, np.linspace(turn.rises_to, 2.29, 50))
    assert (np.diff(gaps) > 0).all()
    assert find_counterexample(TOY, measure_toy(), 1, 4) is None


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 40), DISTANCES, st.data())
def test_gap_rises_up_to_the_sufficient_bound_and_falls_from_the_other(
    seed: int, n: int, more: int, distances: list[float], data: st.DataObject
) -> None:
    terms = measure_noise(*draw_training_set(n, n + more + 1, np.random.default_rng(seed)))
    shares = np.array(data.draw(st.lists(st.floats(0.05, 1), min_size=len(distances), max_size=len(distances))))
    mixture = build_mixture(shares / shares.sum(), distances)
    hard, easy = distances[0], distances[-1]
    margin = float(compute_margin(terms, [hard, easy]).min())
    turn = bound_turn(mixture, terms, hard, easy)
    rising = np.linspace(0, max(min(turn.rises_to, 0.999 * margin), 0), 40)
    falling = np.linspace(min(max(turn.falls_from, 0), 0.999 * margin), 0.999 * margin, 40)
    assert (np.diff(compute_gap(mixture, terms, hard, easy, rising)) >= -ROUNDING).all()
    if turn.falls_from < margin:
        assert (np.diff(compute_gap(mixture, terms, hard, easy, falling)) <= ROUNDING).all()


def test_components_without_a_share_do_not_narrow_the_condition() -> None:
    mixture = build_mixture([0, 0.5, 0.5], [0.01, 1, 4])
    two = build_mixture([0.5, 0.5], [1, 4])
    assert bound_turn(mixture, measure_toy(), 1, 4) == bound_turn(two, measure_toy(), 1, 4)


def test_gap_falls_while_the_training_sets_are_separable() -> None:
    _, curve = trace_gaps()
    found = curve.counterexample
    assert found is not None
    assert found.epsilons[0] < found.epsilons[1] < curve.margin == found.margin
    assert curve.margin == pytest.approx(10.09, abs=0.01)
    assert found.gaps[0] - found.gaps[1] > 0.25
    assert curve.compute(list(found.epsilons)) == pytest.approx(found.gaps)
    assert curve.turn.rises_to < found.epsilons[0] < curve.turn.falls_from


@pytest.mark.long
def test_corollary_fails_for_every_training_set_of_many_more_dimensions_than_examples() -> None:
    assert count_failures(20, 400) == SETS
    assert 0 < count_failures(2, 6) < SETS


@pytest.mark.long
def test_attacks_on_random_points_show_the_counterexample() -> None:
    """The gap at ε = 2.5 lies below that at 0.7 by far more than its standard error, both training sets separable."""
    generator, radii, points = np.random.default_rng(0), (0.7, 2.5), 20_000
    noise, labels, direction = draw_training_set(20, 2_000, generator)
    fitted = [interpolate(place_training_set(r, noise, labels, direction), labels) for r in (1, 4)]
    weights = np.array([vector for vector, _ in fitted])
    assert all(is_max_margin for _, is_max_margin in fitted)
    assert (1 / np.linalg.norm(weights, axis=1) > 9).all()
    found = simulate_robust_error(TOY, weights, direction, radii, points, generator)
    errors = found.pivot(index="row", columns="epsilon", values="error")
    gaps = (errors.loc[0] - errors.loc[1]).to_numpy()
    assert gaps[0] - gaps[1] > 0.15 > 10 * np.sqrt(4 * 0.25 / points)
    terms = measure_noise(noise, labels, direction)
    assert gaps == pytest.approx(compute_gap(TOY, terms, 1, 4, radii), abs=3.5 * np.sqrt(2 * 0.25 / points))


def test_gap_is_the_difference_of_errors_of_two_computed_classifiers() -> None:
    noise, labels, direction = draw_training_set(4, 30, np.random.default_rng(5))
    errors = []
    for r in (1, 4):
        weights, _ = interpolate(place_training_set(r, noise, labels, direction), labels)
        errors.append(compute_robust_error(TOY, weights @ direction / np.linalg.norm(weights), 0.4))
    found = compute_gap(TOY, measure_noise(noise, labels, direction), 1, 4, 0.4)
    assert float(found) == pytest.approx(float(errors[0] - errors[1]), abs=1e-10)


@pytest.mark.parametrize(("hard", "easy"), [(4, 1), (1, 1), (0, 1)])
def test_components_in_another_order_are_refused(hard: float, easy: float) -> None:
    for refusing in (bound_turn, find_counterexample):
        with pytest.raises(ValueError, match="expected the harder, smaller one first"):
            refusing(TOY, measure_toy(), hard, easy)


def test_epsilon_above_the_margin_of_the_harder_training_set_is_refused() -> None:
    with pytest.raises(ValueError, match="the margin of a training set at r = 1"):
        compute_gap(TOY, measure_toy(), 1, 4, 3.0)
