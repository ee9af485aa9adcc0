"""Theorem 1: adversarial logistic regression converges to the max-margin vector below the margin, and not above."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from analysis.theory.interpolation import interpolate
from analysis.theory.max_margin import compute_losses, descend, find_max_margin
from analysis.theory.settings import RATIOS, run_descents

SEEDS = st.integers(0, 10_000)
CLOSE = 0.999


def draw(seed: int, n: int, m: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.where(np.arange(n) % 2 == 0, 1.0, -1.0))
    inputs = generator.standard_normal((n, m))
    inputs[:, 0] += shift * labels
    return inputs, labels


@settings(max_examples=20)
@given(SEEDS)
def test_max_margin_vector_is_the_shortest_that_satisfies_the_constraints(seed: int) -> None:
    inputs, labels = draw(seed, 12, 3, 5.0)
    weights, margin = find_max_margin(inputs, labels)
    assert (labels * (inputs @ weights)).min() == pytest.approx(1, abs=1e-9)
    constraint = {"type": "ineq", "fun": lambda w: labels * (inputs @ w) - 1}
    other = minimize(lambda w: w @ w, np.array([1.0, 0, 0]), constraints=constraint, options={"ftol": 1e-12})
    assert weights == pytest.approx(other.x, abs=1e-4)
    assert margin == pytest.approx(1 / np.sqrt(other.fun), abs=1e-4)


@settings(max_examples=30)
@given(SEEDS, st.floats(1e-6, 1e6))
def test_margin_scales_with_the_inputs(seed: int, scale: float) -> None:
    inputs, labels = draw(seed, 6, 20, 1.0)
    assert find_max_margin(scale * inputs, labels).margin == pytest.approx(
        scale * find_max_margin(inputs, labels).margin, rel=1e-6
    )


def test_max_margin_vector_of_interpolable_data_is_the_interpolator() -> None:
    inputs, labels = draw(0, 10, 400, 1.0)
    weights, is_max_margin = interpolate(inputs, labels)
    assert is_max_margin
    assert find_max_margin(inputs, labels).weights == pytest.approx(weights, abs=1e-12)


def test_interpolator_of_examples_in_one_direction_is_not_the_max_margin_vector() -> None:
    inputs, labels = np.array([[1.0, 0, 0], [3.0, 0.1, 0]]), np.array([1.0, 1.0])
    weights, is_max_margin = interpolate(inputs, labels)
    assert not is_max_margin
    assert find_max_margin(inputs, labels).weights == pytest.approx([1, 0, 0])
    assert np.linalg.norm(weights) > 2


def test_first_step_is_the_negative_gradient_of_the_loss() -> None:
    inputs, labels = draw(1, 8, 4, 4.0)
    start, epsilon, small = np.array([0.3, -0.2, 0.5, 0.1]), 0.7, 1e-5
    losses = [
        compute_losses(np.array([start + sign * small * axis]), inputs, labels, np.array([epsilon]))[0]
        for axis in np.eye(4)
        for sign in (1, -1)
    ]
    gradient = (np.array(losses[::2]) - losses[1::2]) / (2 * small)
    after = start - 2 / np.linalg.norm(inputs, 2) ** 2 * gradient
    best = find_max_margin(inputs, labels)
    row = descend(inputs, labels, [epsilon], [1], start=start).iloc[0]
    assert row["norm"] == pytest.approx(np.linalg.norm(after), abs=1e-8)
    assert row["cosine"] == pytest.approx(after @ best.weights * best.margin / np.linalg.norm(after), abs=1e-8)


def test_loss_is_that_of_the_worst_perturbation() -> None:
    inputs, labels = draw(2, 5, 3, 2.0)
    weights, generator = np.array([0.4, -1.0, 0.2]), np.random.default_rng(0)
    directions = generator.standard_normal((2000, 3))
    moves = 0.6 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    attacked = [
        np.log1p(np.exp(-label * ((x + moves) @ weights))).max() for x, label in zip(inputs, labels, strict=True)
    ]
    loss = compute_losses(weights[None], inputs, labels, np.array([0.6]))[0]
    assert sum(attacked) <= loss <= sum(attacked) + 0.02


@pytest.mark.parametrize(("length", "normalized"), [(0.0, False), (1.0, True)])
def test_descent_converges_below_the_margin_and_not_above(length: float, normalized: bool) -> None:
    """From 0, and from a random point, which only the growth of the weights makes negligible."""
    inputs, labels = draw(3, 5, 100, 1.0)
    margin = find_max_margin(inputs, labels).margin
    start = length * np.random.default_rng(0).standard_normal(100) / np.sqrt(100)
    epsilons = [ratio * margin for ratio in RATIOS]
    found = descend(inputs, labels, epsilons, [1000], start=start, normalized=normalized)
    assert (found["cosine"] >= CLOSE).tolist() == [ratio < 1 for ratio in RATIOS]


def test_plain_descent_from_a_random_vector_approaches_slowly() -> None:
    inputs, labels = draw(3, 5, 100, 1.0)
    start = np.random.default_rng(0).standard_normal(100) / 10
    cosines = descend(inputs, labels, [0.0], [1, 10, 100, 1000], start=start)["cosine"].to_numpy()
    assert (np.diff(cosines) > 0).all()
    assert cosines[-1] < 0.95


@pytest.mark.long
def test_descents_of_the_command_converge_below_the_margin_and_not_above() -> None:
    found = run_descents()
    last = found[found["step"] == 10_000]
    assert len(last) == 2 * len(RATIOS)
    assert ((last["cosine"] >= CLOSE) == (last["ratio"] < 1)).all()
    assert (last["cosine"][last["ratio"] > 1] < 0.97).all()
    growth = last["norm"].to_numpy() / found.loc[found["step"] == 1000, "norm"].to_numpy()
    assert (growth[last["ratio"] < 1] > 1.25).all()
    assert (growth[last["ratio"] > 1] < 1.1).all()


@settings(max_examples=30)
@given(SEEDS, st.floats(1.01, 3))
def test_loss_above_the_margin_grows_with_the_weights_in_every_direction(seed: int, ratio: float) -> None:
    inputs, labels = draw(seed, 8, 4, 5.0)
    margin = find_max_margin(inputs, labels).margin
    weights = np.random.default_rng(seed).standard_normal((1, 4)) * 3
    loss = compute_losses(weights, inputs, labels, np.array([ratio * margin]))[0]
    assert loss >= np.logaddexp(0, np.linalg.norm(weights) * (ratio - 1) * margin) - 1e-9


@settings(max_examples=30)
@given(SEEDS, st.floats(0, 0.99))
def test_loss_below_the_margin_vanishes_along_the_max_margin_vector(seed: int, ratio: float) -> None:
    inputs, labels = draw(seed, 8, 4, 5.0)
    best = find_max_margin(inputs, labels)
    rays = best.weights * np.array([[1.0], [10.0], [1e4]])
    losses = compute_losses(rays, inputs, labels, np.full(3, ratio * best.margin))
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 1e-9


@settings(max_examples=30)
@given(SEEDS, st.floats(1, 3))
def test_zero_minimises_the_loss_beyond_the_length_of_the_mean_signed_input(seed: int, ratio: float) -> None:
    inputs, labels = draw(seed, 8, 4, 5.0)
    epsilon = np.array([ratio * np.linalg.norm((labels[:, None] * inputs).mean(axis=0))])
    weights = np.random.default_rng(seed).standard_normal((1, 4))
    assert compute_losses(weights, inputs, labels, epsilon)[0] >= 8 * np.log(2) - 1e-9


def test_data_that_no_hyperplane_separates_are_refused() -> None:
    inputs = np.array([[1.0, 1], [1.0, 1]])
    with pytest.raises(ValueError, match="2 examples in 2 dimensions: no hyperplane through the origin separates"):
        descend(inputs, np.array([1.0, -1.0]), [0.0], [1])


@pytest.mark.parametrize("labels", [[0.0, 1.0], [1.0], [1.0, 2.0]])
def test_labels_other_than_signs_are_refused(labels: list[float]) -> None:
    with pytest.raises(ValueError, match="labels: found"):
        find_max_margin(np.eye(2), np.array(labels))
