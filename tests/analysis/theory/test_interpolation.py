"""Theorem 2: the exact robust test error, against recorded numbers, direct computation and attacks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from analysis.theory.interpolation import (
    NoiseTerms,
    build_mixture,
    compute_alignment,
    compute_margin,
    compute_robust_error,
    compute_trained_error,
    interpolate,
    measure_noise,
    place_training_set,
    simulate_robust_error,
)
from analysis.theory.max_margin import find_max_margin
from analysis.theory.settings import EPSILONS, SIZES, TOY, compare_errors, draw_training_set, measure_toy, tabulate_toy

SEEDS, DISTANCES = st.integers(0, 10_000), st.floats(-8, 8)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return noise, labels and a direction, with at least twice as many dimensions as examples."""
    n = draw(st.integers(1, 5))
    return draw_training_set(n, draw(st.integers(2 * n + 2, 16)), np.random.default_rng(draw(SEEDS)))


def test_small_example_has_the_recorded_numbers() -> None:
    terms, table = measure_toy(), tabulate_toy()
    assert (*terms, terms.q) == pytest.approx((0.2870370, 0.0476190, 0.1111111, 0.9523810), abs=5e-8)
    assert table["alignment"].tolist() == pytest.approx([0.603168929655, 0.792018652280, 0.920853711318], abs=1e-11)
    assert table["margin"].tolist() == pytest.approx([2.292041932688, 3.002303263295, 4.744145069703], abs=1e-11)
    for name in ("alignment", "margin"):
        assert table[name].tolist() == pytest.approx(table[f"{name}_direct"].tolist(), abs=1e-9)
    assert table["max_margin"].all()


@pytest.mark.parametrize(
    ("epsilon", "errors"),
    [
        (0, (0.119280, 0.081537, 0.063443)),
        (0.5, (0.220829, 0.158819, 0.128324)),
        (1, (0.353305, 0.264623, 0.220913)),
        (2, (0.647490, 0.512882, 0.445247)),
    ],
)
def test_small_example_has_the_recorded_errors(epsilon: float, errors: tuple[float, ...]) -> None:
    found = [float(compute_trained_error(TOY, measure_toy(), r, epsilon)) for r in (1, 2, 4)]
    assert found == pytest.approx(errors, abs=5e-7)


@settings(max_examples=40)
@given(drawn(), DISTANCES)
def test_formula_equals_direct_computation(data: tuple[np.ndarray, ...], r: float) -> None:
    noise, labels, direction = data
    weights, _ = interpolate(place_training_set(r, noise, labels, direction), labels)
    terms, length = measure_noise(noise, labels, direction), np.linalg.norm(weights)
    assert float(compute_alignment(terms, r)) == pytest.approx(weights @ direction / length, abs=1e-8)
    assert float(compute_margin(terms, r)) == pytest.approx(1 / length, rel=1e-8)


@settings(max_examples=40)
@given(drawn(), DISTANCES)
def test_squared_alignment_is_the_papers_formula(data: tuple[np.ndarray, ...], r: float) -> None:
    terms = measure_noise(*data)
    s, _, v = terms
    q = terms.q
    c1, c2, c3 = (s * q + v**2) / s, (s * q + v**2) / q, 2 * v * r / q + 1 / q
    assert float(compute_alignment(terms, r)) ** 2 == pytest.approx(c1 - 1 / (c2 * r**2 + c3), abs=1e-9)


@settings(max_examples=40)
@given(drawn())
def test_alignment_rises_with_distance_everywhere(data: tuple[np.ndarray, ...]) -> None:
    found = compute_alignment(measure_noise(*data), np.linspace(-8, 8, 200))
    assert (np.diff(found) > 0).all()


@settings(max_examples=40)
@given(drawn())
def test_squared_alignment_and_margin_rise_only_above_their_turning_point(data: tuple[np.ndarray, ...]) -> None:
    terms = measure_noise(*data)
    turn = -terms.v / (terms.s * terms.q + terms.v**2)
    above, below = turn + np.linspace(0, 3, 50), turn - np.linspace(0, 3, 50)
    for found in (lambda r: compute_alignment(terms, r) ** 2, lambda r: compute_margin(terms, r)):
        assert (np.diff(found(above)) > 0).all()
        assert (np.diff(found(below)) > 0).all()


@settings(max_examples=40)
@given(drawn(), st.floats(0, 8))
def test_formula_of_the_margin_is_the_margin_of_the_data(data: tuple[np.ndarray, ...], r: float) -> None:
    noise, labels, direction = data
    inputs = place_training_set(r, noise, labels, direction)
    _, is_max_margin = interpolate(inputs, labels)
    formula = float(compute_margin(measure_noise(*data), r))
    if is_max_margin:
        assert find_max_margin(inputs, labels).margin == pytest.approx(formula, rel=1e-6)
    else:
        assert find_max_margin(inputs, labels).margin > formula


@settings(max_examples=40)
@given(st.lists(st.floats(0.1, 8), min_size=1, max_size=4, unique=True), st.floats(0, 4), st.floats(0, 1))
def test_robust_error_rises_with_epsilon_and_falls_with_alignment(
    distances: list[float], epsilon: float, alignment: float
) -> None:
    mixture = build_mixture(np.full(len(distances), 1 / len(distances)), sorted(distances))
    error = compute_robust_error(mixture, alignment, epsilon)
    assert compute_robust_error(mixture, alignment, epsilon + 0.1) > error
    assert compute_robust_error(mixture, alignment - 0.1, epsilon) > error


def test_error_of_one_component_is_a_tail_of_the_normal_distribution() -> None:
    found = compute_robust_error(build_mixture([1.0], [2.0]), [0.5, 1.0], 0.3)
    assert found == pytest.approx(norm.sf([0.7, 1.7]))


def test_attacks_on_random_points_agree_within_their_standard_error() -> None:
    generator = np.random.default_rng(0)
    noise, labels, direction = draw_training_set(5, 40, generator)
    terms = measure_noise(noise, labels, direction)
    weights = [interpolate(place_training_set(r, noise, labels, direction), labels)[0] for r in TOY.distances]
    found = simulate_robust_error(TOY, np.array(weights), direction, EPSILONS, 20_000, generator)
    assert found[["row", "epsilon"]].to_numpy().tolist() == [[row, e] for row in range(3) for e in EPSILONS]
    for row in found.to_dict("records"):
        exact = compute_robust_error(TOY, compute_alignment(terms, TOY.distances[row["row"]]), row["epsilon"])
        assert row["se"] == pytest.approx(np.sqrt(exact * (1 - exact) / 20_000), rel=0.05)
        assert abs(row["error"] - exact) < 3.5 * row["se"]


@pytest.mark.long
def test_formula_holds_at_the_sizes_of_the_command() -> None:
    found = compare_errors(points=10_000)
    assert len(found) == len(SIZES) * 3 * len(EPSILONS)
    assert found["max_margin"].all()
    assert found["alignment"].to_numpy() == pytest.approx(found["alignment_direct"].to_numpy(), abs=1e-9)
    assert found["margin"].to_numpy() == pytest.approx(found["margin_direct"].to_numpy(), rel=1e-9)
    assert ((found["error"] - found["exact"]).abs() < 3.5 * found["se"]).all()


@settings(max_examples=40)
@given(drawn())
def test_noise_leaves_part_of_the_direction_free(data: tuple[np.ndarray, ...]) -> None:
    assert 0 < measure_noise(*data).q <= 1


@pytest.mark.parametrize(("n", "m"), [(4, 4), (6, 4)])
def test_as_many_examples_as_dimensions_are_refused(n: int, m: int) -> None:
    noise, labels, direction = draw_training_set(n, m, np.random.default_rng(0))
    for refused in (lambda: measure_noise(noise, labels, direction), lambda: interpolate(noise, labels)):
        with pytest.raises(ValueError, match=f"{n} examples in {m} dimensions: expected fewer examples"):
            refused()


@pytest.mark.parametrize("epsilon", [2.3, [0.5, 2.2920420], -0.1, float("nan")])
def test_epsilon_that_is_not_below_the_margin_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=r"less than 2.29204, the margin of a training set at r = 1"):
        compute_trained_error(TOY, measure_toy(), 1, epsilon)


def test_direction_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="direction: found length 2; expected 1"):
        measure_noise(np.ones((1, 3)), np.ones(1), np.array([2.0, 0, 0]))


@pytest.mark.parametrize(
    ("shares", "distances"), [([0.5], [1, 2]), ([0.5, 0.4], [1, 2]), ([0.5, 0.5], [2, 1]), ([1.0], [0.0])]
)
def test_shares_and_distances_that_make_no_mixture_are_refused(shares: list[float], distances: list[float]) -> None:
    with pytest.raises(ValueError, match=r"(shares|distances): found"):
        build_mixture(shares, distances)


def test_terms_are_those_of_the_definition() -> None:
    noise, labels, direction = draw_training_set(3, 9, np.random.default_rng(1))
    inverse, along = np.linalg.inv(noise @ noise.T), noise @ direction
    expected = NoiseTerms(labels @ inverse @ labels, along @ inverse @ along, labels @ inverse @ along)
    assert measure_noise(noise, labels, direction) == pytest.approx(expected)
