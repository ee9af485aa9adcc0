"""How many further seeds a difference would take is what a simulation of so many seeds confirms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.measures.power import count_further_seeds, find_power
from analysis.measures.stats import simultaneous_quantile

COUNTS = np.full(12, 3.0)


def test_power_without_an_effect_is_half_the_error_of_an_interval() -> None:
    assert find_power(0.0, 0.01, 3, 24, 12) == pytest.approx((1 - 0.95 ** (1 / 12)) / 2)


def test_power_is_that_of_a_simulation() -> None:
    rng, n, m, freedom = np.random.default_rng(0), 7, 12, 72
    means = 0.02 + 0.0135 / math.sqrt(n) * rng.standard_normal(100_000)
    errors = 0.0135 / math.sqrt(n) * np.sqrt(rng.chisquare(freedom, 100_000) / freedom)
    share = (means > simultaneous_quantile(m, freedom) * errors).mean()
    assert find_power(0.02, 0.0135, n, freedom, m) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("effect", "seeds"), [(-0.02, 4), (0.02, 4), (0.01, 23), (0.1, 0)])
def test_the_seeds_are_the_fewest_that_suffice(effect: float, seeds: int) -> None:
    assert count_further_seeds(effect, 0.0135, 3, COUNTS) == seeds
    power = [find_power(effect, 0.0135, 3 + k, 12 * (2 + k), 12) for k in (seeds, seeds - 1)]
    assert power[0] >= 0.8 and (seeds == 0 or power[1] < 0.8)


def test_one_difference_takes_the_seeds_of_a_t_test() -> None:
    k = int(count_further_seeds(0.01, 0.01, 5, np.array([5.0])))
    powers = [stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, math.sqrt(n)) for n in (5 + k, 4 + k)]
    assert powers[0] >= 0.8 > powers[1]


def test_no_number_of_seeds_finds_nothing() -> None:
    assert math.isinf(count_further_seeds(0.0, 0.01, 3, COUNTS))
