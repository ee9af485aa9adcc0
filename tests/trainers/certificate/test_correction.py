"""Selection flatters, and corrected values do not; studies are simulated with known true means."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.certificate.correction import correct_means
from trainers.certificate.dominance import find_front
from trainers.certificate.samples import summarize_seeds

DEVIATIONS = np.array([0.8, 1.25])


def simulate(means: np.ndarray, seeds: int, studies: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    return means[:, None] + DEVIATIONS * rng.standard_normal((studies, len(means), seeds, 2))


def bias(found: np.ndarray, front: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the mean error over members of the fronts, (objectives,)."""
    return (found - means)[front].mean(axis=0)


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    """27 configurations scattered over a few points."""
    return np.random.default_rng(1).multivariate_normal([90, 50], [[2.0, -1.0], [-1.0, 4.0]], 27)


def test_members_of_a_front_are_flattered_by_their_means_and_not_by_corrected_values(cloud: np.ndarray) -> None:
    samples = summarize_seeds(simulate(cloud, 3))
    front = find_front(samples.means)
    raw, corrected = (bias(found, front, cloud) for found in (samples.means, correct_means(samples).corrected))
    assert (raw > 0.15).all()
    assert (np.abs(corrected) < 0.15).all() and (np.abs(corrected) < raw / 2).all()


def test_configurations_that_are_all_alike_are_drawn_to_their_mean() -> None:
    alike = np.tile([90.0, 50.0], (27, 1))
    samples = summarize_seeds(simulate(alike, 3))
    spread = [np.std(found - 0, axis=1).mean() for found in (samples.means, correct_means(samples).corrected)]
    assert spread[1] < 0.4 * spread[0]


def test_clear_differences_are_hardly_corrected() -> None:
    apart = np.random.default_rng(0).normal([80, 40], 15, (12, 2))
    samples = summarize_seeds(simulate(apart, 5, studies=5))
    assert np.abs(correct_means(samples).corrected - samples.means).mean() < 0.2


def test_weights_are_probabilities_and_spreads_are_no_more_than_those_of_the_means(cloud: np.ndarray) -> None:
    samples = summarize_seeds(simulate(cloud, 3, studies=3))
    found = correct_means(samples)
    assert found.weights.sum(axis=-1) == pytest.approx(1)
    assert (np.linalg.eigvalsh(found.covariances) > 0).all()


@pytest.mark.parametrize(("configurations", "parts"), [(3, 0), (4, 1), (7, 1), (8, 2)])
def test_few_configurations_have_one_component_or_no_correction(configurations: int, parts: int) -> None:
    means = np.random.default_rng(0).normal([90, 50], 3, (configurations, 2))
    found = correct_means(summarize_seeds(simulate(means, 3, studies=1)[0]))
    assert (found.weights.shape[-1] if found else 0) == parts


def test_one_seed_each_tells_nothing_of_its_noise(cloud: np.ndarray) -> None:
    assert correct_means(summarize_seeds(simulate(cloud, 1)[0])) is None
