"""The number of seeds that an open verdict would take, against the rule of thumb and against simulated studies."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.certificate.planning import count_for_tie, expect_seeds
from trainers.certificate.verdicts import Family, certify


def test_a_tie_of_27_configurations_takes_55_seeds_at_a_deviation_of_the_tolerance() -> None:
    assert count_for_tie(Family(27, (1.0, 1.0))) == pytest.approx(55, abs=1)


def test_only_an_open_configuration_would_take_seeds() -> None:
    values = np.random.default_rng(0).normal(60, 1, (6, 3, 2))
    values[0] -= 30
    found = certify(values, Family(6, (1.0, 1.0)))
    assert found.off[0] and found.open[1:].all()
    assert np.isnan(expect_seeds(found)[0]) and (expect_seeds(found)[1:] > 3).all()


@pytest.mark.long
def test_ties_close_after_about_as_many_seeds_as_expected() -> None:
    """Nine groups of three equal configurations, tolerance 2: half of the studies' configurations close earlier."""
    centres = np.repeat(np.stack([np.linspace(70, 94, 9), np.linspace(60, 20, 9)], axis=1), 3, axis=0)
    rng, family = np.random.default_rng(0), Family(27, (2.0, 2.0), most=31)
    values = centres[:, None] + np.array([0.8, 1.25]) * rng.standard_normal((20, 27, 31, 2))
    closed = certify(values, family, allocate=True)
    expected = np.nanmean([expect_seeds(certify(study[:, :5], family)) for study in values])
    assert not closed.open.any()
    assert expected == pytest.approx(closed.samples.seeds.mean(), rel=0.3)
