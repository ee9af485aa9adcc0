"""Verdicts by hand: bounds, distances, and what is not judged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trainers.certificate.samples import summarize_seeds
from trainers.certificate.verdicts import Certificate, Family, certify, replay

NAMES = ("on", "off", "within", "open")


def verdicts(found: Certificate | None) -> dict[str, list[bool]]:
    return {name: getattr(found, name).tolist() for name in NAMES}


def test_bounds_by_hand() -> None:
    """Three configurations of three seeds with one variance: 6 degrees of freedom, and s.e. sd sqrt(2 / 3)."""
    noise = np.array([-1.0, 0.0, 1.0])
    means = np.array([[90.0, 40.0], [80.0, 60.0], [78.0, 20.0]])
    found = certify(means[:, None, :] + noise[None, :, None], Family(3, (1.0, 2.0)))
    on, off = (stats.t.isf(0.005 / parts, 6) * np.sqrt(2 / 3) for parts in (2 * 3, 3 * 2))
    assert found.unbeaten[0, 1] == pytest.approx(10 - on)
    assert found.unbeaten[1, 0] == pytest.approx(20 - on)
    assert found.nearly[2, 1] == pytest.approx(-2 + 1.0 - on), "one objective is 2 behind, the other 40"
    assert found.beats[0, 2] == pytest.approx(12 - off)
    assert found.distance.tolist() == pytest.approx([0, 0, 12 + on]) or found.off[2]
    assert verdicts(found) == {
        "on": [True, True, False], "off": [False, False, True], "within": [False] * 3, "open": [False] * 3
    }  # fmt: skip


def test_the_distance_of_one_that_is_open_is_where_it_would_be_within() -> None:
    rng = np.random.default_rng(1)
    values = 60 + rng.normal(0, 1, (6, 4, 2))
    found = certify(values, Family(6, (0.1, 0.1)))
    assert found.open.all()
    for i, distance in enumerate(found.distance):
        for tolerance, inside in ((distance - 1e-6, False), (distance + 1e-6, True)):
            again = certify(values, Family(6, (tolerance, tolerance)))
            assert again.within[i] == inside


def test_less_than_three_seeds_say_nothing() -> None:
    assert certify(np.random.default_rng(0).normal(60, 1, (5, 2, 2)), Family(5, (2.0, 2.0))) is None


def test_configuration_with_too_few_seeds_is_neither_judged_nor_a_rival() -> None:
    values = np.random.default_rng(0).normal(60, 1, (5, 3, 2))
    values[0] += 30
    values[0, 2] = np.nan
    found = certify(values, Family(5, (20.0, 20.0)))
    assert found.judged.tolist() == [False, True, True, True, True]
    assert not any(getattr(found, name)[0] for name in NAMES) and found.within[1:].all()


def test_nothing_is_said_of_one_that_collapses_in_more_than_a_third_of_its_seeds() -> None:
    values = np.random.default_rng(0).normal(60, 1, (5, 6, 2))
    values[0, :2] -= 40
    values[1, :3] -= 40
    found = certify(values, Family(5, (20.0, 20.0)))
    assert found.samples.collapsed.tolist() == [2, 3, 0, 0, 0] and found.samples.kept[0] == 4
    assert found.judged.tolist() == [True, False, True, True, True]
    assert found.samples.means[0] == pytest.approx(values[0, 2:].mean(axis=0))


def test_seeds_without_any_spread_prove_nothing() -> None:
    values = np.repeat(np.array([[[90.0, 40.0]], [[80.0, 30.0]]]), 3, axis=1)
    found = certify(values, Family(2, (2.0, 2.0)))
    assert found is not None and not found.judged.any()


def test_a_study_ends_before_a_look_that_one_which_wants_seeds_has_not_reached() -> None:
    values = np.random.default_rng(0).normal(60, 1, (5, 6, 2))
    values[0, 3:] = np.nan
    found = list(replay(values, Family(5, (0.5, 0.5)), allocate=True))
    assert len(found) == 1 and found[0].wanting.all()
    assert len(list(replay(values, Family(5, (0.5, 0.5))))) == 4, "without allocation the others go on"


def test_a_known_spread_gives_the_quantiles_that_the_family_states() -> None:
    """27 configurations, two objectives: 3.7 and 4.3 standard errors for on and off with many degrees of freedom."""
    family = Family(27, (1.0, 1.0))
    assert stats.norm.isf(family.tail_on(0)) == pytest.approx(3.74, abs=0.01)
    assert stats.norm.isf(family.tail_off(0)) == pytest.approx(4.35, abs=0.01)


def test_means_are_those_of_the_seeds_left() -> None:
    calm = [[80.0, 40.0], [81.0, 41.0], [82.0, 42.0]]
    found = summarize_seeds(np.array([[[80.0, 40.0], [82.0, 44.0], [20.0, 41.0]], calm, calm]))
    assert found.means.tolist() == [[81.0, 42.0], [81.0, 41.0], [81.0, 41.0]] and found.kept.tolist() == [2, 3, 3]
