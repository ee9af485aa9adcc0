"""The difference of two fronts against counts by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.measures.dominance import attain_grid
from analysis.measures.front import compute_fronts
from analysis.measures.front_difference import Attainment, compare_fronts, compute_p_value
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

runs = st.lists(arrays(float, (3, 2), elements=st.integers(0, 4).map(float)), min_size=1, max_size=4)


@given(runs)
def test_a_run_attains_what_one_of_its_points_is_no_worse_than(found: list[np.ndarray]) -> None:
    x, y, attained = attain_grid(found)
    for run, grid in zip(found, attained, strict=True):
        for column, right in enumerate(x):
            for row, top in enumerate(y):
                assert grid[row, column] == (run >= [right, top]).all(axis=1).any()


@pytest.mark.long
def test_a_lifted_sweep_attains_what_the_other_does_and_not_the_reverse(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "better", Made(study="better", faults=False, lift=0.2))
    found = [info for _, info in compare_fronts(compute_fronts([load_sweep(whole), load_sweep(other)]))]
    assert [info.title for info in found] == ["label_noise 0", "label_noise 0.1"]
    for info in found:
        assert (info.one, info.other, info.seeds) == ("whole", "better", (3, 3))
        assert info.forward == Attainment(0.0, 0, 9) and info.backward.member > 0.6
        assert info.difference.min() == -1 and info.difference.max() < 1


def test_three_seeds_that_all_attain_more_have_a_p_of_a_tenth() -> None:
    rng = np.random.default_rng(0)
    low, high = ([level + 0.01 * rng.random((4, 2)) for _ in range(3)] for level in (0.5, 0.8))
    assert compute_p_value(attain_grid([*low, *high])[2], 3) == pytest.approx(2 / 20)


@pytest.mark.long
@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), pytest.param((8, 8), marks=pytest.mark.slow)])
def test_seeds_of_one_kind_seldom_differ(seeds: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    found = [compute_p_value(attain_grid([*rng.random((sum(seeds), 4, 2))])[2], seeds[0]) for _ in range(100)]
    assert np.mean(np.array(found) <= 0.1) <= 0.17  # 10 % are expected at most


@pytest.mark.long
def test_the_shares_are_those_of_the_seeds(whole: Path, tmp_path: Path) -> None:
    """By hand, from the trials: every pair of seeds and every member of the second's front."""
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, lift=0.005, replicates=2))
    front = compute_fronts([load_sweep(whole), load_sweep(other)])
    for panel, info in compare_fronts(front):
        sides = [
            [rows[["x", "y"]].to_numpy() for _, rows in trials.groupby("replicate")]
            for trials in (panel.trials[panel.trials["sweep"] == name] for name in ("whole", "other"))
        ]
        shares, whole_fronts = [], 0
        for a in sides[0]:
            for b in sides[1]:
                front_b = [p for p in b if not any((q >= p).all() and (q > p).any() for q in b)]
                hits = [any((q >= p).all() for q in a) for p in front_b]
                shares.append(np.mean(hits))
                whole_fronts += all(hits)
        assert info.forward == Attainment(pytest.approx(np.mean(shares)), whole_fronts, 6)
        point = np.array([np.median(info.x), np.median(info.y)])
        column, row = np.searchsorted(info.x, point[0]), np.searchsorted(info.y, point[1])
        first, second = (np.mean([any((q >= point).all() for q in run) for run in side]) for side in sides)
        assert info.difference[row, column] == pytest.approx(first - second)


@pytest.mark.long
def test_sweeps_without_common_terms_are_not_compared(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, noise=(0.3,)))
    assert not list(compare_fronts(compute_fronts([load_sweep(whole), load_sweep(other)])))
