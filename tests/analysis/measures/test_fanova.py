"""Shares of variance that parameters explain alone: Optuna's numbers, and known ones."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from analysis.measures.fanova import explain_variance
from analysis.results.optuna_study import Domain, StudyTrial, build_study

BOUNDS = np.array([[0.0, 1.0], [-2.0, 3.0], [-0.5, 3.5]])


def make_points(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw points of two ranges and of four listed values, and give them an objective with an interaction."""
    rng = np.random.default_rng(seed)
    points = np.column_stack((rng.random(count), rng.uniform(-2, 3, count), rng.integers(0, 4, count).astype(float)))
    return points, points[:, 0] + 0.3 * points[:, 1] * (points[:, 2] > 1) + 0.1 * rng.standard_normal(count)


def explain_with_optuna(points: np.ndarray, values: np.ndarray, depth: int, seed: int) -> list[float]:
    names = ("a", "b", "c")
    domains = {name: Domain((), low, high) for name, (low, high) in zip(names, BOUNDS.tolist(), strict=True)}
    trials = [
        StudyTrial("COMPLETE", (value,), dict(zip(names, point, strict=True)))
        for point, value in zip(points.tolist(), values.tolist(), strict=True)
    ]
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed, max_depth=depth)
    found = evaluator.evaluate(build_study("forest", {"value": "max"}, domains, trials))
    return [found[name] for name in names]


@pytest.mark.parametrize(("seed", "count", "depth"), [(0, 9, 6), (1, 40, 3), (2, 25, 1)])
def test_shares_are_those_of_optuna_to_the_last_digits(seed: int, count: int, depth: int) -> None:
    points, values = make_points(seed, count)
    found = explain_variance(points, values, BOUNDS, depth, seed)
    np.testing.assert_allclose(found, explain_with_optuna(points, values, depth, seed), rtol=1e-11, atol=1e-14)
    assert found.max() > 0.3


def test_values_that_do_not_differ_where_points_do_have_no_variance_to_explain() -> None:
    """All points lie in one place, so no tree splits, although their values differ."""
    assert explain_variance(np.zeros((8, 3)), np.arange(8.0), BOUNDS, 6, 0).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("count", "least", "most"), [(8, 0.4, 0.55), (64, 0.25, 0.35)])
def test_the_first_of_three_knobs_takes_a_part_of_noise(count: int, least: float, most: float) -> None:
    """So a share of few configurations is a hint at most."""
    rng, bounds = np.random.default_rng(0), np.array([[0.0, 1.0]] * 3)
    draws = [(rng.random((count, 3)), rng.standard_normal(count)) for _ in range(16)]
    assert least < np.median([explain_variance(*draw, bounds, 6, 0).max() for draw in draws]) < most
