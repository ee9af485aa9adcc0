"""The moderated variance is that of limma, and never below a configuration's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import polygamma, psi

from trainers.certificate.variance import invert_trigamma, moderate_variance

positive = st.floats(0.01, 100)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


@given(arrays(float, 5, elements=st.floats(1e-3, 1e3)))
def test_trigamma_is_inverted(y: np.ndarray) -> None:
    assert invert_trigamma(polygamma(1, y)) == pytest.approx(y, rel=1e-6)


def test_by_hand_with_two_degrees_of_freedom() -> None:
    """psi'(1) = 1.645 is what logs of variances scatter by chance; these scatter by 4.4, so that d0 is near 1.5."""
    own = column(0.05, 0.5, 2.0, 9.0, 0.2)
    logs = np.log(own[:, 0]) - psi(1.0)
    half = float(invert_trigamma(logs.var(ddof=1) - np.pi**2 / 6))
    prior = np.exp(logs.mean() + psi(half) - np.log(half))
    found, freedom = moderate_variance(own, np.full((5, 1), 2))
    assert found[:, 0] == pytest.approx(np.maximum(own[:, 0], (2 * half * prior + 2 * own[:, 0]) / (2 * half + 2)))
    assert freedom[:, 0] == pytest.approx([2 * half + 2] * 5) and 1 < 2 * half < 2


def test_variances_that_scatter_no_more_than_chance_are_pooled() -> None:
    own, nu = column(1.0, 1.2, 0.9, 1.1), np.array([[2], [2], [4], [4]])
    found, freedom = moderate_variance(own, nu)
    pooled = (2 * 1.0 + 2 * 1.2 + 4 * 0.9 + 4 * 1.1) / 12
    assert freedom[:, 0].tolist() == [12] * 4
    assert found[:, 0] == pytest.approx(np.maximum(own[:, 0], (12 * pooled + nu[:, 0] * own[:, 0]) / (12 + nu[:, 0])))


def test_prior_is_found_again_in_simulated_variances() -> None:
    """sigma² = s0² d0 / chi²(d0) with d0 = 6 and s0² = 2, as limma assumes."""
    rng = np.random.default_rng(0)
    sigma2 = 2 * 6 / rng.chisquare(6, 20000)
    own = (sigma2 * rng.chisquare(4, 20000) / 4)[:, None]
    found, freedom = moderate_variance(own, np.full_like(own, 4, dtype=int))
    assert freedom[0, 0] == pytest.approx(10, rel=0.1)
    assert (found[own < 0.1] - 4 * own[own < 0.1] / 10).mean() == pytest.approx(2 * 6 / 10, rel=0.1)


def test_two_configurations_keep_their_own_variance() -> None:
    found, freedom = moderate_variance(column(1.0, 4.0), np.array([[2], [3]]))
    assert found[:, 0].tolist() == [1.0, 4.0] and freedom[:, 0].tolist() == [2, 3]


def test_seeds_that_agree_by_chance_have_the_common_variance_and_no_part_in_its_estimate() -> None:
    own, nu = column(0.0, 1.0, 1.2, 0.9, 1.1), np.full((5, 1), 2)
    found, _ = moderate_variance(own, nu)
    assert found[0, 0] > 0.5
    assert (moderate_variance(np.zeros((4, 1)), np.full((4, 1), 2))[1] == 0).all(), "no spread anywhere: unknown"


@given(arrays(float, (6, 2), elements=positive), arrays(int, (6, 2), elements=st.integers(0, 9)), positive)
def test_it_is_no_less_than_the_own_and_scales_with_the_square_of_the_unit(
    own: np.ndarray, nu: np.ndarray, unit: float
) -> None:
    found, freedom = moderate_variance(own, nu)
    known = nu > 0
    assert (found[known] >= own[known]).all() and np.isnan(found[~known]).all() and (freedom[~known] == 0).all()
    scaled, again = moderate_variance(own * unit**2, nu)
    assert scaled == pytest.approx(found * unit**2, rel=1e-4, nan_ok=True) and again == pytest.approx(freedom, rel=1e-4)
