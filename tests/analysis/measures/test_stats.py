"""Intervals over few seeds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.measures.stats import Estimate, estimate, estimate_groups, sign_test, t_quantile


@pytest.mark.parametrize(("n", "reach"), [(2, 12.706), (3, 4.303), (5, 2.776), (100, 1.984)])
def test_few_seeds_have_wide_intervals(n: int, reach: float) -> None:
    assert t_quantile(n) == pytest.approx(reach, abs=1e-3)
    assert math.isnan(t_quantile(1))


def test_an_interval_that_excludes_zero_is_a_t_test_below_five_percent() -> None:
    rng = np.random.default_rng(0)
    sides = 0
    for _ in range(200):
        values = 0.01 + 0.01 * rng.standard_normal(3)
        found = estimate(values)
        sides += found.side() != 0
        assert (found.side() != 0) == (stats.ttest_1samp(values, 0.0).pvalue < 0.05)
    assert 0 < sides < 200


def test_two_and_a_half_standard_errors_of_three_seeds_tell_nothing_and_of_thirty_do() -> None:
    assert [Estimate(0.025, 0.01, n).side() for n in (1, 2, 3, 30)] == [0, 0, 0, 1]
    assert Estimate(-0.025, 0.01, 30).side() == -1 and Estimate(0.5, math.nan, 1).side() == 0


@pytest.mark.parametrize(("above", "below"), [(10, 0), (7, 3), (0, 5), (4, 4), (0, 0)])
def test_the_sign_test_is_the_binomial(above: int, below: int) -> None:
    expected = stats.binomtest(above, above + below).pvalue if above + below else 1.0
    assert sign_test(above, below) == pytest.approx(expected)


def test_a_number_is_written_alike_in_whichever_order_its_sum_was_taken() -> None:
    seeds = [0.0, 0.275]  # their standard error is 13.75 points, a hair more or less by the way it is computed
    table = pd.DataFrame({"a": seeds})
    row = estimate_groups(table, [pd.Series(["one", "one"])]).iloc[0]
    assert Estimate(row["a"], row["a_se"], 2).text() == estimate(seeds).text() == "13.8 ± 13.8"
