"""Laws of the verdicts: independent of order and unit, never withdrawn, the same replayed as step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainers.certificate.looks import list_looks
from trainers.certificate.verdicts import Certificate, Family, certify, replay

pytestmark = pytest.mark.long

NAMES = ("on", "off", "within", "open")
sizes = st.tuples(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 3), st.sampled_from([3, 6, 10, 20]))


def draw(seed: int, configurations: int, objectives: int, seeds: int) -> tuple[np.ndarray, Family]:
    """Draw a study of configurations within a few points of each other, and its family."""
    rng = np.random.default_rng(seed)
    means = 60 + rng.normal(0, rng.choice([0.5, 3, 10]), (configurations, 1, objectives))
    values = means + rng.normal(0, rng.uniform(0.2, 1.5, objectives), (configurations, seeds, objectives))
    return values, Family(configurations, tuple(rng.choice([0.5, 1.0, 2.0, 4.0], objectives)), most=20)


def verdicts(found: Certificate | None) -> dict[str, list[bool]]:
    return {name: getattr(found, name).tolist() for name in NAMES}


@given(sizes, st.randoms(use_true_random=False))
def test_the_order_of_configurations_is_irrelevant(size: Any, random: Any) -> None:
    values, family = draw(*size)
    order = random.sample(range(len(values)), len(values))
    one, other = certify(values, family), certify(values[order], family)
    for name in NAMES:
        assert getattr(other, name).tolist() == getattr(one, name)[order].tolist()
    assert other.distance == pytest.approx(one.distance[order], nan_ok=True)


@given(sizes, st.sampled_from([0.01, 0.5, 8.0]))
def test_the_unit_is_irrelevant(size: Any, unit: float) -> None:
    values, family = draw(*size)
    scaled = Family(family.configurations, tuple(unit * one for one in family.tolerance), gap=unit * family.gap)
    one, other = certify(values, family), certify(values * unit, scaled)
    assert other.distance == pytest.approx(unit * one.distance, rel=1e-4, abs=1e-7 * unit, nan_ok=True)
    assume(min(abs(array[np.isfinite(array)]).min(initial=1) for array in (one.unbeaten, one.nearly, one.beats)) > 1e-3)
    assert verdicts(other) == verdicts(one)


@given(sizes)
def test_each_judged_configuration_has_one_verdict_and_what_is_surely_on_is_not_beaten(size: Any) -> None:
    found = certify(*draw(*size))
    assert (sum(getattr(found, name).astype(int) for name in NAMES) == found.judged).all()
    assert (found.distance[found.on] == 0).all()
    assert not (found.beats[:, found.on] > 0).any()


@given(sizes)
def test_no_verdict_is_withdrawn_by_further_seeds(size: Any) -> None:
    """Bounds are running maxima, so that on and off stay, and one within stays so or is found to be on or off."""
    values, family = draw(*size)
    off, on, near = (np.zeros(len(values), dtype=bool) for _ in range(3))
    for found in replay(values, family, allocate=True):
        assume(not found.samples.collapsed.any())
        assert (found.off | ~off).all() and (found.on | found.off | ~on).all()
        assert (found.within | found.on | found.off | ~near).all()
        off, on, near = found.off, found.on, found.within


@given(sizes)
def test_what_is_surely_off_is_rival_of_none_and_keeps_none_open(size: Any) -> None:
    found = certify(*draw(*size))
    assert not found.blocks[:, found.off].any() and not found.wanting[found.off].any()
    assert not found.wanting.any() or found.open.any()


@given(sizes)
def test_a_configuration_far_behind_all_others_changes_no_verdict_on_them_but_for_the_family(size: Any) -> None:
    """It is surely off, and the others' bounds move only by the variances that it adds."""
    values, family = draw(*size)
    behind = values[:1] - 500
    both = np.concatenate([values, behind])
    found = certify(both, Family(len(both), family.tolerance))
    assume(found.off[-1])
    assert not found._rivals[:, -1].any()
    again = Certificate(found.family, found.samples, *(
        np.where(np.arange(len(both)) == len(values), fill, array)
        for array, fill in ((found.unbeaten, 1e9), (found.nearly, 1e9), (found.beats, found.beats))
    ))  # fmt: skip
    assert verdicts(again) == verdicts(found)


@settings(max_examples=50, deadline=None)
@given(sizes)
def test_replaying_the_stored_seeds_gives_what_was_decided_step_by_step(size: Any) -> None:
    """As a sweep does: look, give seeds to those that want them, and replay all from what is then there."""
    values, family = draw(*size)
    looks, stored = list_looks(values.shape[1]), np.full_like(values, np.nan)
    stored[:, : looks[0]] = values[:, : looks[0]]
    whole = list(replay(values, family, allocate=True))
    for k, look in enumerate(whole):
        found = certify(stored, family, allocate=True)
        assert verdicts(found) == verdicts(look) and (found.beats == look.beats).all()
        if not found.wanting.any() or k + 1 == len(looks):
            break
        rows = found.wanting
        stored[rows, : looks[k + 1]] = values[rows, : looks[k + 1]]
    assert k == len(whole) - 1


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_studies_side_by_side_are_judged_each_by_itself(size: Any) -> None:
    values, family = draw(*size)
    other = np.random.default_rng(size[0] + 1).normal(60, 2, values.shape)
    for allocate in (True, False):
        both = certify(np.stack([values, other]), family, allocate)
        for place, alone in enumerate((values, other)):
            found = certify(alone, family, allocate)
            for name in NAMES:
                assert getattr(both, name)[place].tolist() == getattr(found, name).tolist()
