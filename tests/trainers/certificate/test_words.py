"""What is said of a front, of a configuration, and of one that collapses."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.certificate.assessment import Assessment, assess_front
from trainers.certificate.dominance import find_front
from trainers.certificate.verdicts import Family
from trainers.certificate.words import (
    describe_assessment,
    describe_fronts,
    describe_optimism,
    describe_verdict,
    explain_assessments,
    format_drop,
    format_range,
    format_tolerance,
    shorten_verdict,
)


def assess(values: np.ndarray, tolerance: float = 0.5) -> Assessment:
    front = find_front(np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=1))
    return assess_front(values, Family(len(values), (tolerance, tolerance)), front)


@pytest.fixture(scope="module")
def seeds() -> np.ndarray:
    """Two far apart on the front, one far behind, two nearly equal between them, and one that is like them."""
    means = np.array([[95, 30], [70, 60], [60, 20], [85, 45], [84.9, 45.1], [85.1, 44.9]])
    return means[:, None] + np.random.default_rng(3).normal(0, 0.5, (6, 4, 2))


def test_front_in_sentences(seeds: np.ndarray) -> None:
    counts, chance = describe_assessment(assess(seeds))
    assert counts == (
        "2 of 6 surely on, 1 surely off, 0 within 0.5 points, 3 open, at 4 seeds; 0 of 24 trainings collapsed."
    )
    assert chance.startswith("Probability that exactly these ") and "Expected overlap" in chance


NAMES = ("clean", "PGD-20")


def test_a_drop_names_the_objectives_and_their_directions() -> None:
    assert format_drop([0.1, -0.4], NAMES) == "clean 0.1 points lower and PGD-20 0.4 points higher"
    assert format_drop([-0.04, 0.2], NAMES) == "clean 0.0 points lower and PGD-20 0.2 points lower"


def test_a_correction_that_rounds_to_nothing_is_said_in_words() -> None:
    assert describe_optimism([0.04, -0.03], NAMES) == (
        "Corrected for being chosen, the front reads the same within 0.05 points."
    )


def test_the_sentence_on_a_front_is_the_mean_of_the_corrections_of_its_members(seeds: np.ndarray) -> None:
    """Of a front of one member it is that member's correction: a reader sees both, side by side."""
    for found in (assess(seeds), assess(seeds[[0, 2, 3, 4, 5]] - [[[0, 50]]] * 5)):
        drops = (found.samples.means - found.corrected)[found.front].mean(axis=0)
        assert found.optimism == pytest.approx(drops)
        assert describe_assessment(found)[1].endswith(describe_optimism(drops.tolist(), ("clean", "robust")))


def test_a_configuration_that_was_not_measured_has_not_collapsed(seeds: np.ndarray) -> None:
    unmeasured = np.where(np.arange(6)[:, None, None] == 2, np.nan, seeds)
    counts, _ = describe_assessment(assess(unmeasured))
    assert counts.startswith("2 of the 5 measured surely on, ") and "1 not measured" in counts
    assert "seeds that did not collapse" not in counts and "with fewer than 3" not in counts


def test_one_configuration_alone_is_not_surely_on_the_front_of_all(seeds: np.ndarray) -> None:
    alone = np.where(np.arange(6)[:, None, None] == 2, seeds, np.nan)
    found = assess(alone)
    assert describe_assessment(found) == ["Nothing is sure: verdicts need 3 seeds of two configurations at least."]
    assert shorten_verdict(found, 2) == "–" and describe_verdict(found, 2) == ""


def test_a_configuration_whose_seeds_are_still_trained_has_not_collapsed(seeds: np.ndarray) -> None:
    begun = seeds.copy()
    begun[2, 2:] = np.nan
    counts, _ = describe_assessment(assess(begun))
    assert "1 with fewer than 3 seeds" in counts and "seeds that did not collapse" not in counts


def test_a_configuration_whose_seeds_are_equal_has_not_collapsed_and_leaves_no_nan() -> None:
    """With one more configuration no common variance can be estimated either."""
    rng = np.random.default_rng(0)
    one = np.stack([np.full(3, 98.0), 60 + rng.normal(0, 0.5, 3)], axis=-1)
    other = np.stack([97.9 + rng.normal(0, 0.5, 3), 60.1 + rng.normal(0, 0.5, 3)], axis=-1)
    found = assess(np.stack([one, other]))
    counts = describe_assessment(found)[0]
    assert "1 without a verdict, as all seeds are equal in an accuracy" in counts and "too few seeds" not in counts
    assert shorten_verdict(found, 0) == "–"
    assert describe_verdict(found, 0) == "" and "nan" not in describe_verdict(found, 1)


def test_what_holds_of_all_fronts_is_said_once(seeds: np.ndarray) -> None:
    found, few = assess(seeds), assess(seeds[:, :2])
    error, advice = explain_assessments([found, found, few])
    assert error.startswith(
        "All verdicts together are wrong with probability at most 5 %, over all configurations, both"
    )
    assert error.endswith("about trainings that do not collapse.")
    assert advice.startswith("What is open takes more seeds") and "`replicates: {until: certified}`" in advice
    assert explain_assessments([found], asks=True) == [error] and explain_assessments([few]) == [advice]
    assert explain_assessments([assess(seeds[:, :1])]) == []


def end(values: np.ndarray, most: int, asks: bool = True, complete: bool = True) -> str:
    """Return the last sentence on a front whose configurations have `most` seeds at most."""
    family = Family(len(values), (0.5, 0.5), most=most)
    return describe_fronts([("", assess_front(values, family, np.ones(len(values), bool)))], asks, complete)[-1]


def test_the_last_word_on_seeds_until_certified_is_how_they_ended(seeds: np.ndarray) -> None:
    assert end(seeds, 4) == (
        "Ended at max: 4 seeds without certifying 3 of 6 configurations; a larger search.replicates.max carries on."
    )
    assert end(seeds[:3], 4) == "Certified to 0.5 points: 3 configurations, none of them open."
    collapsing = np.concatenate([seeds[:3], np.full_like(seeds[:1], -np.inf)])
    assert end(collapsing, 4) == (
        "Ended: 1 of 4 configurations without a verdict, as their seeds collapsed or are equal; the others are "
        "certified to 0.5 points."
    )
    unended = "All verdicts together"
    assert end(seeds, 5).startswith(unended), "further seeds follow"
    assert end(seeds, 4, complete=False).startswith(unended) and "until: certified" in end(seeds, 4, asks=False)


def test_each_configuration_in_words_and_in_a_column(seeds: np.ndarray) -> None:
    found = assess(seeds)
    assert [describe_verdict(found, i) for i in range(3)] == ["surely on", "surely on", "surely off"]
    assert [shorten_verdict(found, i) for i in range(3)] == ["on", "on", "off"]
    wide = assess(seeds, tolerance=10.0)
    distance = wide.certificate.distance[3]
    assert describe_verdict(wide, 3) == f"at most {distance:.1f} points from the front"
    assert shorten_verdict(wide, 3) == f"≤ {distance:.1f}"
    assert describe_verdict(found, 3) == f"open: would take about {found.seeds_wanted[3]:.0f} seeds"


def test_collapsed_seeds_are_counted_beside_the_verdict(seeds: np.ndarray) -> None:
    fallen = seeds.copy()
    fallen[0, 1] -= 40
    found = assess(fallen)
    assert describe_verdict(found, 0) == "surely on where it does not collapse (1 of 4 seeds did)"
    assert shorten_verdict(found, 0) == "on, 1/4 collapsed"
    assert sum("counts as collapsed if" in line for line in explain_assessments([found, assess(seeds)])) == 1
    assert not any("counts as collapsed" in line for line in explain_assessments([assess(seeds)]))
    fallen[0, 2] = -np.inf
    found = assess(fallen)
    assert describe_verdict(found, 0) == "2 of 4 seeds collapsed" and shorten_verdict(found, 0) == "–"
    assert "1 with too few seeds that did not collapse" in describe_assessment(found)[0]
    assert np.isfinite(found.corrected[0]).all()


def test_one_that_always_diverges_has_no_value_and_keeps_none_open(seeds: np.ndarray) -> None:
    diverged = np.concatenate([seeds, np.full((1, 4, 2), -np.inf)])
    found = assess_front(diverged, Family(7, (2.0, 2.0)), np.array([True, True, *[False] * 5]))
    assert np.isnan(found.corrected[6]).all() and found.certificate.on[:2].all()


def test_fewer_than_three_seeds_prove_nothing_and_one_is_not_spoken_of(seeds: np.ndarray) -> None:
    assert describe_assessment(assess(seeds[:, :2]))[0] == (
        "Nothing is sure: verdicts need 3 seeds of two configurations at least."
    )
    assert describe_assessment(assess(seeds[:, :1])) == []


def test_tolerances_and_seeds() -> None:
    assert [format_tolerance(each) for each in ((2.0, 2.0), (0.5, 2.0), (1.0,))] == [
        "2 points", "0.5 and 2 points", "1 point"
    ]  # fmt: skip
    assert format_range(np.array([3, 3])) == "3 seeds"
    assert format_range(np.array([3, 3, 20])) == "3 to 20 seeds (8.7 on average)"
