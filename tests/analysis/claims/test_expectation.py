"""Expectations: which values they allow, and how often their verdicts are wrong where the truth is known."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims.claim import Check
from analysis.claims.expectation import FAILS, HOLDS, UNSURE, decide, judge, parse_expectation
from analysis.claims.metric import parse_metric
from analysis.claims.statistics import measure_check
from analysis.claims.trainings import Trainings
from analysis.results.axes import read_axes
from analysis.results.sweep import load_sweep

STUDIES = 20_000  # simulated at once
SEEDS = (2, 3, 5)
TRUTHS = {  # expectation -> the largest or least expected value, and the nearest one that is not expected
    "> 0": (0.0001, 0.0),
    ">= 0.9": (0.9, 0.8999),
    "< 0": (-0.0001, 0.0),
    "<= -2": (-2.0, -1.9999),
    "about 0 within 1": (1.0, 1.0001),
    "in [-3, 0]": (-3.0, -3.0001),
}
ENDS = {  # of a true difference of 1 point: the expectation that just allows it or just does not -> the wrong verdict
    "> 1": HOLDS,
    "> 0.9999": FAILS,
    "about 0 within 1": FAILS,
    "in [-1, 0.9999]": HOLDS,
}


@pytest.mark.parametrize(
    "text, ends",
    [
        ("> 0", (0, math.inf)),
        (">= 90%", (0.9, math.inf)),
        ("< −1.5", (-math.inf, -1.5)),
        ("<= 8/255", (-math.inf, 8 / 255)),
        ("about 2 within 0.5", (1.5, 2.5)),
        ("in [-1, 1e-1]", (-1, 0.1)),
    ],
)
def test_an_expectation_is_a_range_of_values(text: str, ends: tuple[float, float]) -> None:
    assert parse_expectation(text)[1:3] == pytest.approx(ends)


@pytest.mark.parametrize("text", ["", "bigger", "> x", "in [1, 0]", "about 0 within 0", "0", "== 0", "> 1/0"])
def test_other_texts_are_refused_and_the_forms_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"about 0 within 1\.0|allows no values|no number"):
        parse_expectation(text)


def simulate(truth: float, n: int, checks: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return means and deviations of the seeds of each check, (checks, studies), about one truth."""
    values = truth + np.random.default_rng(seed).standard_normal((checks, STUDIES, n))
    return values.mean(axis=-1), values.std(axis=-1, ddof=1)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("text", TRUTHS)
def test_a_verdict_is_wrong_in_5_percent_of_studies_at_most(text: str, n: int) -> None:
    expected, bound = parse_expectation(text), 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
    for truth, wrong in zip(TRUTHS[text], (-1, 1), strict=True):  # at the end of the range the errors are most frequent
        found = decide(*simulate(truth, n), n, expected)
        assert (found == wrong).mean() <= bound
    far = decide(*simulate(100.0 if expected.hi == math.inf else -100.0, n), n, expected)
    assert (far != 0).mean() > 0.9, "what is plain is said"


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("checks", [2, 5])
def test_a_claim_of_several_checks_is_wrong_in_5_percent_of_studies_at_most(checks: int, n: int) -> None:
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
    true, false = (decide(*simulate(truth, n, checks), n, parse_expectation("> 0"), checks) for truth in (1e-9, 0.0))
    assert (true == -1).any(axis=0).mean() <= bound, "fails if one check does"
    assert (false == 1).all(axis=0).mean() <= bound, "holds if all checks do"


@pytest.mark.parametrize("text", ["> 0", "about 0 within 1", "in [0, 2]"])
def test_a_verdict_is_that_of_the_t_interval(text: str) -> None:
    values, expected = np.array([0.4, 0.9, 0.7]), parse_expectation(text)
    lo, hi = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    found = judge(values, expected)
    assert (found.lo, found.hi, found.n) == pytest.approx((lo, hi, 3))
    assert found.word == (HOLDS if expected.lo < lo and hi < expected.hi else UNSURE)


def test_the_interval_is_the_one_that_decides() -> None:
    """Of several checks one fails at a higher level, so that its 95 % interval may lie outside without a verdict."""
    values, expected = np.array([-8.2, -4.2, -5.3]), parse_expectation("> 0")
    alone, among = judge(values, expected), judge(values, expected, checks=4)
    assert alone.word == FAILS and alone.hi < 0
    assert among.word == UNSURE and among.hi > 0
    assert (among.lo, among.hi) == pytest.approx(stats.t.interval(1 - 0.05 / 4, 2, values.mean(), stats.sem(values)))
    held = judge(-values, expected, checks=4)
    assert held.word == HOLDS and held.lo == pytest.approx(-alone.hi), "each check holds at 95 %"


def test_one_seed_says_nothing_and_none_neither() -> None:
    for values in ([5.0], [], [math.nan]):
        found = judge(values, parse_expectation("> 0"))
        assert found.word == UNSURE and found.needed is None and found.n == sum(np.isfinite(values))


def test_the_projected_number_of_seeds_is_the_least_that_decides() -> None:
    values, expected = np.array([0.1, 2.0, 1.0]), parse_expectation("> 0")
    found = judge(values, expected)
    s = values.std(ddof=1)
    decides = [n for n in range(4, 200) if values.mean() - stats.t.ppf(0.975, n - 1) * s / math.sqrt(n) > 0]
    assert found.word == UNSURE and found.needed == decides[0]
    assert judge([1.0, 1.1, 1.2], expected).needed == 3
    assert judge([-1.0, 1.0], expected).needed is None, "a mean on the bound is never decided"


def test_seeds_that_agree_to_the_step_of_the_records_have_the_scatter_of_rounding() -> None:
    expected = parse_expectation("> 0")
    assert judge([2.0, 2.0], expected).word == HOLDS, "a count has no step"
    assert judge([2.0, 2.0], expected, resolution=2.0).word == UNSURE
    assert judge([-9.0, -9.0], expected, resolution=2.0).word == FAILS


@pytest.mark.long
@pytest.mark.parametrize("n", SEEDS)
def test_verdicts_on_simulated_trials_are_wrong_in_5_percent_of_studies_at_most(n: int, whole: Path) -> None:
    """600 studies, each a problem of its own in one table of trials; seeds have an effect that pairing takes out."""
    studies, rng = 600, np.random.default_rng(n)
    trials = [
        {"kind": "trial", "id": f"{study} {method} {seed}", "axes": {"data.label_noise": str(study), "method": method}}
        for study in range(studies) for seed in range(n) for method in ("A", "B")
    ]  # fmt: skip
    sweep = load_sweep(whole)
    plan = sweep.plan | {"trials": trials, "axes": ["data.label_noise", "method"]}
    table = pd.DataFrame([trial["axes"] | {"id": trial["id"], "replicate": int(trial["id"][-1])} for trial in trials])
    shared = np.repeat(0.05 * rng.standard_normal(studies * n), 2)
    accuracy = 0.5 + shared + 0.01 * (table["method"] == "A") + 0.01 * rng.standard_normal(len(table))
    table = table.assign(kind="trial", status="completed", last_constant=np.nan, last_test_pgd20_acc=accuracy)
    simulated = dataclasses.replace(sweep, plan=plan, axes=read_axes(plan), labelled=table.assign(test_examples=360))
    sides = {"of": {"method": "A"}, "against": {"method": "B"}}
    check = Check.model_validate({"statistic": "difference", "metric": "last pgd20", "expect": "> 0"} | sides)
    found = measure_check(Trainings(simulated), check, parse_metric("last pgd20"))
    assert len(found) == studies
    for text, wrong in ENDS.items():
        words = [judge(study.values, parse_expectation(text), study.step).word for study in found]
        assert words.count(wrong) / studies <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies), text
