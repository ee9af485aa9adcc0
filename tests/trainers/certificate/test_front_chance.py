"""The probability that a front is exactly the true one, against a calculation by hand, and its steps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from trainers.certificate.correction import Posterior
from trainers.certificate.front_chance import FrontChance, estimate_chance


def known(means: list[list[float]], deviation: float) -> Posterior:
    centres = np.array(means, dtype=float)[:, None, :]
    count, _, dimensions = centres.shape
    return Posterior(
        np.ones((count, 1)),
        centres,
        np.broadcast_to(deviation**2 * np.eye(dimensions), (count, 1, dimensions, dimensions)),
    )


def test_two_configurations_and_one_objective() -> None:
    """The first leads by 1 with a standard deviation of sqrt(2): the front is right with probability Phi(0.707)."""
    found = estimate_chance(np.array([True, False]), known([[1.0], [0.0]], 1.0), draws=20000)
    assert found.exact == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.01)
    assert found.overlap == pytest.approx(found.exact), "each front has one member"


def test_a_front_that_is_far_ahead_is_sure() -> None:
    posterior = known([[90, 40], [80, 60], [70, 30]], 0.1)
    assert estimate_chance(np.array([True, True, False]), posterior) == (1.0, 1.0)
    assert estimate_chance(np.array([True, False, False]), posterior) == (0.0, 0.5)


def test_components_are_drawn_by_their_weights() -> None:
    posterior = Posterior(
        np.array([[0.3, 0.7], [1.0, 0.0]]), np.array([[[2.0], [-2.0]], [[0.0], [9.0]]]), np.full((2, 2, 1, 1), 1e-6)
    )
    assert estimate_chance(np.array([True, False]), posterior, draws=20000).exact == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("exact", "words"),
    [(0.0, "less than 5 %"), (0.05, "5 to 20 %"), (0.3, "20 to 50 %"), (0.5, "more than 50 %"), (1, "more than 50 %")],
)
def test_probability_is_said_in_steps(exact: float, words: str) -> None:
    assert FrontChance(exact, 0.5).step == words
