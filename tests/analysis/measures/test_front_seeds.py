"""The interval of a hypervolume holds the true one in simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.measures import front_seeds
from analysis.measures.dominance import hypervolume
from analysis.measures.front_seeds import balance_seeds, bootstrap_volume


def tabulate(points: np.ndarray) -> pd.DataFrame:
    """Return a row a configuration and seed of points (configurations, seeds, 2)."""
    rows, seeds = np.indices(points.shape[:2]).reshape(2, -1)
    x, y = points.reshape(-1, 2).T
    return pd.DataFrame({"configuration": rows.astype(str), "replicate": seeds, "x": x, "y": y})


def spread(rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0.1, 1.4, 6)
    return np.stack([0.8 + 0.12 * np.cos(angle), 0.4 + 0.12 * np.sin(angle)], axis=1)


def crowded(rng: np.random.Generator) -> np.ndarray:
    """Return 15 configurations near the front, of which the best of the noisy means is too good."""
    return np.array([0.9, 0.5]) + rng.random((15, 2)) * [0.01, 0.03]


@pytest.mark.long
@pytest.mark.parametrize("truth", [spread, crowded])
def test_the_interval_of_three_seeds_holds_the_true_volume(truth: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_seeds, "RESAMPLES", 100)
    rng = np.random.default_rng(0)
    points = truth(rng)  # type: ignore[operator]
    true, held = hypervolume(points, (0, 0)), []
    for _ in range(150):
        found = bootstrap_volume(tabulate(points[:, None] + 0.007 * rng.standard_normal((len(points), 3, 2))))
        held.append(found.lo <= true <= found.hi)
    assert 0.88 <= np.mean(held) <= 1


def test_the_volume_is_that_of_the_means_less_what_noise_adds() -> None:
    rng = np.random.default_rng(1)
    points = crowded(rng)[:, None] + 0.007 * rng.standard_normal((15, 4, 2))
    found = bootstrap_volume(tabulate(points))
    assert found.lo < found.mean < found.hi and (found.n, found.configurations) == (4, 15)
    assert found.mean < hypervolume(points.mean(axis=1), (0, 0))
    assert found == bootstrap_volume(tabulate(points))  # the same seeds of the bootstrap


def test_one_seed_has_a_volume_without_an_interval_and_none_has_nothing() -> None:
    found = bootstrap_volume(tabulate(np.array([[[0.5, 0.4]], [[0.2, 0.8]]])))
    assert found.mean == pytest.approx(0.5 * 0.4 + 0.2 * 0.4) and math.isnan(found.lo) and found.n == 1
    assert bootstrap_volume(tabulate(np.empty((0, 0, 2)))).configurations == 0


def test_balancing_keeps_the_most_trials_with_equal_seeds() -> None:
    trials = tabulate(np.zeros((3, 4, 2)))
    left = balance_seeds(trials[(trials["configuration"] != "0") | (trials["replicate"] < 1)])
    assert len(left) == 8 and set(left["configuration"]) == {"1", "2"}
    assert balance_seeds(trials.iloc[:0]).empty
