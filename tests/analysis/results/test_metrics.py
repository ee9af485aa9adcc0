"""Metrics are named with the attack they were measured under."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.stats import Estimate, estimate
from analysis.results.metrics import (
    complete_descriptions,
    describe_metric,
    find_clean_metric,
    find_strongest,
    parse_attack,
    parse_images,
    shorten_attack,
)

UNMEASURED = pd.DataFrame()
ATTACKS = {
    "pgd": "PGD-10, linf, epsilon 0.1",
    "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4",
    "wide": "PGD-20, linf, epsilon 0.2, step epsilon/4",
    "aa": "AutoAttack standard, linf, epsilon 0.1 on 300 images drawn by class",
}


@pytest.mark.parametrize(
    ("metric", "attack"),
    [
        ("test_pgd20_acc", "pgd20"),
        ("test_clean_acc", None),
        ("val_pgd_acc", "pgd"),
        ("robust_overfitting", None),
        ("test_aa_clean_acc", None),
    ],
)
def test_the_attack_of_a_metric(metric: str, attack: str | None) -> None:
    assert parse_attack(metric) == attack


def test_clean_accuracy_is_compared_on_the_same_images() -> None:
    assert find_clean_metric("test_aa_acc", ATTACKS, 360) == "test_aa_clean_acc"
    assert (
        find_clean_metric("test_aa_acc", ATTACKS, 300)
        == find_clean_metric("test_pgd20_acc", ATTACKS, 360)
        == "test_clean_acc"
    )
    assert parse_images("test_aa_clean_acc", ATTACKS, 360) == parse_images("test_aa_acc", ATTACKS, 360) == (300, True)
    assert parse_images("test_clean_acc", ATTACKS, 360) == parse_images("test_pgd20_acc", ATTACKS, 360) == (360, True)


def test_older_records_mean_the_first_images() -> None:
    old = {"aa": "AutoAttack standard, linf, epsilon 0.1 on 300 images"}
    assert complete_descriptions(old) == {"aa": "AutoAttack standard, linf, epsilon 0.1 on the first 300 images"}
    assert (
        complete_descriptions(complete_descriptions(old)) == complete_descriptions(old)
        and complete_descriptions(ATTACKS) == ATTACKS
    )
    assert (
        parse_images("test_aa_acc", old, 360)
        == parse_images("test_aa_acc", complete_descriptions(old), 360)
        == (300, False)
    )


def test_attacks_that_begin_alike_are_told_apart() -> None:
    assert shorten_attack("aa", ATTACKS) == "AutoAttack standard"
    assert shorten_attack("pgd20", ATTACKS) == "PGD-20 epsilon 0.1"
    assert shorten_attack("wide", ATTACKS) == "PGD-20 epsilon 0.2"
    assert shorten_attack("cw", ATTACKS) == "CW"
    two = {
        name: f"AutoAttack custom ({what}), linf, epsilon 0.1" for name, what in (("one", "fab"), ("other", "square"))
    }
    assert shorten_attack("other", two) == "AutoAttack custom (square)", "its name stands once"


def test_a_title_says_which_loss_is_climbed() -> None:
    attacks = {"pgd20": "PGD-20, linf, epsilon 0.1", "cw": "PGD-20 on the margin, linf, epsilon 0.1 on 300 images"}
    assert describe_metric("test_pgd20_acc", attacks) == "robust test accuracy, PGD-20"
    assert describe_metric("test_cw_acc", attacks) == "robust test accuracy, PGD-20 on the margin on 300 images"


def test_a_title_says_split_and_attack() -> None:
    assert describe_metric("test_aa_acc", ATTACKS) == "robust test accuracy, AutoAttack standard on 300 images"
    assert describe_metric("test_aa_clean_acc", ATTACKS) == "clean test accuracy on 300 images"
    assert describe_metric("val_clean_acc", ATTACKS) == "clean validation accuracy"


def test_a_test_set_with_corruptions_is_under_no_attack() -> None:
    assert describe_metric("test_gaussian_noise_acc", ATTACKS) == "test accuracy, gaussian noise"
    assert find_strongest(["test_clean_acc", "test_gaussian_noise_acc"], ATTACKS, UNMEASURED) is None


def test_the_strongest_attack_is_preferred_and_validation_is_none() -> None:
    names = ["test_clean_acc", "test_pgd_acc", "test_pgd20_acc", "test_pgd20_wide_acc", "val_aa_acc"]
    assert find_strongest(names, {}, UNMEASURED) == "test_pgd20_acc"
    assert find_strongest([*names, "test_pgdplus_acc"], {}, UNMEASURED) == "test_pgdplus_acc"
    assert find_strongest([*names, "test_pgdplus_acc", "test_aa_acc"], {}, UNMEASURED) == "test_aa_acc"
    assert find_strongest(["test_clean_acc", "val_pgd_acc"], {}, UNMEASURED) is None


def test_strength_of_an_attack_does_not_depend_on_its_name() -> None:
    """A space names its final attacks freely; one at another budget answers another question."""
    attacks = {
        "pgd": "PGD-10, linf, epsilon 8/255, step epsilon/4",
        "strong": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 8/255 on 500 images",
        "carmon": "PGD-40, 5 restarts, linf, epsilon 8/255, step 0.01, right at every iterate",
        "fifty": "PGD-50, 10 restarts, linf, epsilon 8/255, step 2/255",
        "wide": "AutoAttack standard, linf, epsilon 16/255",
        "blind": "AutoAttack custom (square), linf, epsilon 8/255",
        "one": "AutoAttack custom (apgd-ce), linf, epsilon 8/255 on 500 images",
        "all": "AutoAttack standard, linf, epsilon 8/255",
        "step": "FGSM, linf, epsilon 8/255",
    }
    weakest_first = ["wide", "step", "blind", "pgd", "one", "fifty", "carmon", "strong", "all"]
    while len(weakest_first) > 1:
        names = [f"test_{name}_acc" for name in weakest_first]
        assert find_strongest(names, attacks, UNMEASURED) == names[-1]
        weakest_first.pop()


def test_measurements_order_attacks_of_one_kind_and_as_many_steps() -> None:
    attacks = {
        "pgd20": "PGD-20, linf, epsilon 0.1",
        "cw": "PGD-20 on the margin, linf, epsilon 0.1",
        "kl": "PGD-20 on the KL divergence, linf, epsilon 0.1",
        "ten": "PGD-10, linf, epsilon 0.1",
    }
    names = [f"test_{name}_acc" for name in attacks]
    trials = pd.DataFrame(
        {"last_test_pgd20_acc": [0.5, 0.4], "last_test_cw_acc": [0.5, 0.41], "last_test_kl_acc": [0.6, 0.6]}
    ).assign(last_test_ten_acc=0.1)
    assert find_strongest(names, attacks, trials) == "test_pgd20_acc"
    assert find_strongest(names[::-1], attacks, trials) == "test_pgd20_acc", "whatever their order"
    assert find_strongest(names, attacks, trials.assign(last_test_cw_acc=[0.5, 0.39])) == "test_cw_acc"
    fewer = trials.assign(last_test_cw_acc=[0.5, math.nan])
    assert find_strongest(names, attacks, fewer) == "test_pgd20_acc", "a tie over the trial that has all"
    assert find_strongest(names[::-1], attacks, fewer) == "test_cw_acc", "the first listed"
    assert find_strongest(names, attacks, trials[:0]) == "test_pgd20_acc"


def test_a_standard_error_needs_two_seeds() -> None:
    assert estimate([0.5]).n == 1 and math.isnan(estimate([0.5]).se)
    assert estimate([0.4, 0.6])[:3] == pytest.approx((0.5, 0.1, 2))
    assert estimate([0.4, math.nan, 0.6]).n == 2
    assert estimate([]).text() == "–"


@given(st.floats(-1, 1), st.floats(1e-6, 1))
def test_an_interval_of_three_seeds_is_that_of_student_with_two_degrees_of_freedom(mean: float, se: float) -> None:
    assert Estimate(mean, se, 3).half_width == pytest.approx(4.3026527 * se)


def test_estimates_are_written_in_percent_with_a_true_minus() -> None:
    assert Estimate(0.7341, 0.0024, 3).text() == "73.4 ± 0.2"
    assert Estimate(-0.0204, math.nan, 1).text(signed=True) == "−2.0"
    assert Estimate(0.0204, math.nan, 1).text(signed=True) == "+2.0"


def test_an_unknown_mean_says_what_it_is_at_most() -> None:
    assert estimate([])._replace(limit=0.612).text() == "≤ 61.2"
    assert estimate([0.5])._replace(limit=0.612).text() == "50.0"
