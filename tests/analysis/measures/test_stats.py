"""Intervals over few seeds."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy import stats

from analysis.measures.stats import Estimate, estimate, estimate_groups, simultaneous_quantile, t_quantile


@pytest.mark.parametrize(("n", "reach"), [(2, 12.706), (3, 4.303), (5, 2.776), (100, 1.984)])
def test_few_seeds_have_wide_intervals(n: int, reach: float) -> None:
    assert t_quantile(n) == pytest.approx(reach, abs=1e-3)
    assert math.isnan(t_quantile(1))


@pytest.mark.parametrize(("m", "freedom"), [(1, 2), (12, 24), (36, 72)])
def test_intervals_of_a_simultaneous_quantile_hold_at_once_if_they_are_independent(m: int, freedom: int) -> None:
    inside = 1 - 2 * stats.t.sf(simultaneous_quantile(m, freedom), freedom)
    assert inside**m == pytest.approx(0.95)


def test_a_number_is_written_alike_in_whichever_order_its_sum_was_taken() -> None:
    seeds = [0.0, 0.275]  # their standard error is 13.75 points, a hair more or less by the way it is computed
    table = pd.DataFrame({"a": seeds})
    row = estimate_groups(table, [pd.Series(["one", "one"])]).iloc[0]
    assert Estimate(row["a"], row["a_se"], 2).text() == estimate(seeds).text() == "13.8 ± 13.8"


def test_a_number_that_rounds_to_zero_has_no_minus() -> None:
    assert Estimate(-0.0004, 0.002, 3).text() == "0.0 ± 0.2" and Estimate(-0.0004, 0.002, 3).text(True) == "+0.0 ± 0.2"
