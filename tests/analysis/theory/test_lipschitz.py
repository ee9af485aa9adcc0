"""Theorem 3: the lower bound of the Lipschitz constant, where it holds and how it moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.theory.lipschitz import Network, bound_lipschitz, compute_gamma, compute_label_variance, count_examples
from analysis.theory.settings import EXAMPLES, bound_resnet, tabulate_bounds

NETWORK = Network(parameters=1_000, diameter=10.0, smoothness=5.0)
GAMMAS, DELTAS = st.floats(0.05, 2), st.floats(0.001, 0.5)


def bound(gamma: float, examples: int, dimensions: int = 100, isoperimetry: float = 1.0, delta: float = 0.05) -> float:
    return bound_lipschitz(
        gamma, NETWORK, examples=examples, dimensions=dimensions, isoperimetry=isoperimetry, delta=delta
    )


def test_bound_is_the_formula() -> None:
    # γ = 1, n = 2¹¹ · 10: 2 exp(−10) = 9.0800e-5; log(4 · 10 · 5) = 5.298317; −log(.025 − 9.08e-5) = 3.692518
    expected = 1 / 128 * math.sqrt(20_480 * 100 / (1_000 * 5.298317366548 + 3.692518))
    assert bound(1.0, 20_480) == pytest.approx(expected, rel=1e-8)


@given(GAMMAS, DELTAS)
def test_least_number_of_examples_is_the_first_that_satisfies_the_condition(gamma: float, delta: float) -> None:
    least = count_examples(gamma, delta)
    assert delta / 2 > 2 * math.exp(-(2**-11) * least * gamma**2)
    assert delta / 2 <= 2 * math.exp(-(2**-11) * (least - 1) * gamma**2) * (1 + 1e-12)


@given(GAMMAS, st.floats(1.001, 1.5), st.integers(1, 1000))
def test_bound_rises_with_gamma_examples_and_dimensions(gamma: float, factor: float, more: int) -> None:
    examples = count_examples(gamma, 0.05) + more
    found = bound(gamma, examples)
    assert bound(factor * gamma, examples) > found
    assert bound(gamma, 2 * examples) > found
    assert bound(gamma, examples, dimensions=400) == pytest.approx(2 * found)
    assert bound(gamma, examples, isoperimetry=4) == pytest.approx(found / 2)


@pytest.mark.parametrize(("gamma", "delta"), [(0.5, 0.05), (1.0, 0.2)])
def test_examples_too_few_for_delta_are_refused_with_the_number_that_would_do(gamma: float, delta: float) -> None:
    least = count_examples(gamma, delta)
    with pytest.raises(ValueError, match=f"take n ≥ {least}"):
        bound(gamma, least - 1, delta=delta)
    assert bound(gamma, least, delta=delta) > 0


@pytest.mark.parametrize(("gamma", "delta"), [(0.0, 0.05), (-1.0, 0.05), (1.0, 0.0), (1.0, 1.0), (1.0, float("nan"))])
def test_gamma_and_delta_out_of_range_are_refused(gamma: float, delta: float) -> None:
    with pytest.raises(ValueError, match="expected γ > 0 and a probability δ"):
        bound(gamma, 10**6, delta=delta)


def test_gamma_beyond_the_reach_of_the_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="γ = 201: expected at most 4WJ = 200"):
        bound(201.0, 10**6)


def test_gamma_adds_variance_and_adversaries_and_subtracts_the_error() -> None:
    assert compute_gamma(0.5, 0.3, 0.2) == pytest.approx(0.6)
    assert compute_gamma(0.5, 0.3, 0.8) == 0
    for wrong in ((0.5, 0.3, 0.9), (-0.1, 1, 0), (0.1, -1, 0), (0.1, 1, -0.1)):
        with pytest.raises(ValueError, match="at least 0 and a training error C of at most"):
            compute_gamma(*wrong)


@pytest.mark.parametrize("r", [0.0, 0.5, 1.0, 2.0])
def test_label_variance_is_that_of_random_examples(r: float) -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice((-1.0, 1.0), 100_000)
    seen = r * labels + generator.standard_normal(100_000)
    probability = 1 / (1 + np.exp(-2 * r * seen))  # of y = 1
    variances = 4 * probability * (1 - probability)
    assert abs(variances.mean() - compute_label_variance(r)) <= 4 * variances.std() / math.sqrt(100_000) + 1e-12


def test_label_variance_is_larger_for_harder_components() -> None:
    found = [compute_label_variance(r) for r in np.linspace(0, 6, 30)]
    assert found[0] == pytest.approx(1)
    assert (np.diff(found) < 0).all()


def test_bounds_of_the_command_are_known_where_the_condition_holds() -> None:
    table = tabulate_bounds()
    for n in EXAMPLES:
        rows = table[table["examples"] == n]
        known = rows["bound"].notna().to_numpy()
        assert known.tolist() == [count_examples(gamma, 0.05) <= n for gamma in rows["gamma"]]
        assert 0 < known.sum() < len(known) and (np.diff(rows["bound"][known]) > 0).all()
    assert bound_resnet(1.0, 50_000) == pytest.approx(0.0089, abs=5e-5)
