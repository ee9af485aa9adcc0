"""A family of differences is judged as a whole: where nothing has an effect, it seldom tells of any."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.measures.differences import compare_axis, compare_subsets
from analysis.measures.families import Family, collect_families, judge_family, pool_errors, tabulate_families
from analysis.measures.stats import simultaneous_quantile
from analysis.results.sweep import load_sweep

METRIC = "last_test_aa_acc"
M, SEEDS = 12, 3


def differences(values: np.ndarray) -> pd.DataFrame:
    """Return the table of differences whose values by seed are these, (m, seeds), NaN for a seed that is not there."""
    n = np.isfinite(values).sum(axis=1)
    table = pd.DataFrame({"mean": np.nanmean(values, axis=1), "n": n})
    table["se"] = [
        row[np.isfinite(row)].std(ddof=1) / math.sqrt(k) if k > 1 else math.nan
        for row, k in zip(values, n, strict=True)
    ]
    return table.assign(setting="", family="", minuend=[f"a{i}" for i in range(len(table))], subtrahend="b")


def judged(values: np.ndarray) -> Family:
    return judge_family("method", "method", "b", differences(values))


def made(m: int = M, seeds: int = SEEDS, effect: float = 0.0) -> np.ndarray:
    return effect + 0.01 * np.random.default_rng(0).standard_normal((m, seeds))


def simulate(studies: int, deviations: np.ndarray, effect: float = 0.0) -> dict[str, float]:
    """Return how often a study of m differences tells of any, and of its first by the way that errors are made."""
    rng, n = np.random.default_rng(1), np.full(len(deviations), float(SEEDS))
    shift = np.zeros(len(deviations))
    shift[0] = effect
    found = {"any": 0, "first": 0, "first by own errors": 0, "any by 2 s.e.": 0}
    pooled, own = simultaneous_quantile(M, M * (SEEDS - 1)), simultaneous_quantile(M, SEEDS - 1)
    for _ in range(studies):
        values = shift[:, None] + deviations[:, None] * rng.standard_normal((len(deviations), SEEDS))
        means, errors = np.abs(values.mean(axis=1)), values.std(axis=1, ddof=1) / math.sqrt(SEEDS)
        told = means > pooled * pool_errors(errors, n)[0]
        found["any"] += told.any()
        found["first"] += told[0]
        found["first by own errors"] += means[0] > own * errors[0]
        found["any by 2 s.e."] += (means > 2 * errors).any()
    return {name: count / studies for name, count in found.items()}


def test_a_study_of_nothing_tells_of_something_in_less_than_one_of_twenty_cases() -> None:
    found = simulate(4000, np.ones(M))
    assert 0.015 < found["any"] < 0.04  # 0.027: less than 0.05, as the larger of two errors is taken
    assert found["any by 2 s.e."] > 0.85


def test_deviations_that_differ_threefold_leave_it_below_one_of_ten() -> None:
    found = simulate(4000, np.linspace(1, 3, M))
    assert found["any"] < 0.1


def test_three_seeds_find_an_effect_of_four_standard_errors_that_own_errors_would_miss() -> None:
    found = simulate(4000, np.ones(M), effect=4 / math.sqrt(SEEDS))
    assert 0.6 < found["first"] < 0.72 and found["first by own errors"] < 0.1


def test_intervals_are_those_of_numpy_and_scipy() -> None:
    values = made()
    values[3, 2] = np.nan  # two seeds
    family = judged(values)
    n = np.isfinite(values).sum(axis=1)
    deviations = np.array([np.std(row[np.isfinite(row)], ddof=1) for row in values])
    s = math.sqrt((deviations**2 * (n - 1)).sum() / (n - 1).sum())
    used = np.maximum(deviations, s) / np.sqrt(n)
    half = stats.t.ppf(1 - (1 - 0.95 ** (1 / M)) / 2, (n - 1).sum()) * used
    assert (family.sd, family.freedom) == (pytest.approx(s), 23)
    assert family.rows["lo"].to_numpy() == pytest.approx(np.nanmean(values, axis=1) - half)
    assert family.rows["hi"].to_numpy() == pytest.approx(np.nanmean(values, axis=1) + half)


def test_a_difference_is_told_where_its_interval_excludes_zero_and_its_adjusted_p_is_below_five_percent() -> None:
    values = made()
    values[:6] += np.linspace(0.01, 0.06, 6)[:, None]
    rows = judged(values).rows
    assert 0 < rows["told"].sum() < M
    assert rows["told"].tolist() == ((rows["lo"] > 0) | (rows["hi"] < 0)).tolist() == (rows["p"] < 0.05).tolist()
    assert rows["more"].isna().tolist() == rows["told"].tolist() and (rows["more"].dropna() >= 1).all()


def test_one_difference_of_five_seeds_is_a_t_test() -> None:
    values = made(1, 5, 0.008)
    (row,) = judged(values).rows.to_dict("records")
    test = stats.ttest_1samp(values[0], 0.0)
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["lo"], row["hi"]) == pytest.approx(tuple(test.confidence_interval()))


@pytest.mark.parametrize(("m", "seeds"), [(12, 1), (3, 2), (1, 4)])
def test_with_fewer_than_four_degrees_of_freedom_nothing_is_told(m: int, seeds: int) -> None:
    family = judged(made(m, seeds, effect=1.0))
    assert not family.claims and not family.rows["told"].any() and family.rows["lo"].isna().all()
    assert family.single == (m if seeds == 1 else 0)


def test_a_difference_of_one_seed_is_no_part_of_the_family() -> None:
    values = made()
    values[0, 1:] = np.nan
    family = judged(values)
    assert family.single == 1 and len(family.rows) == M - 1 and family.freedom == (M - 1) * (SEEDS - 1)


def test_equal_results_of_all_seeds_are_open() -> None:
    rows = judged(np.zeros((4, SEEDS))).rows
    assert not rows["told"].any() and (rows["p"] == 1).all()


def test_subsets_make_a_family_of_each_pair_of_kinds_and_an_axis_one(whole: Path) -> None:
    results = load_sweep(whole)
    subsets, methods = compare_subsets(results, [METRIC]), compare_axis(results, "method", [METRIC])
    families = collect_families(results, subsets, {"method": methods}, METRIC)
    titles = ["friendly against random", "friendly against all", "random against all", "TRADES 0.10 against AT 0.10"]
    assert [family.title for family in families] == titles
    assert [len(family.rows) for family in families] == [4, 4, 4, 6]
    table = tabulate_families(families)
    assert len(table) == 18 and set(table["title"]) == set(titles)
    assert (table.groupby("title")["m"].first() == table.groupby("title").size()).all()
    assert collect_families(results, subsets, {"method": methods}, "best_test_none_acc") == []
