"""Adversaries of a gallery: those of its images, in order, with what is predicted; none where none were recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.measures.gallery import collect_adversaries, collect_gallery
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, write_sweep


@pytest.fixture
def results(tmp_path: Path) -> Sweep:
    return load_sweep(write_sweep(tmp_path / "sweep", Made(noise=(0.1,), subsets=("all",), faults=False)))


@pytest.mark.parametrize("score", ["", "difficulty"])
def test_each_adversary_is_that_of_the_image_above(results: Sweep, score: str) -> None:
    (ranking,) = results.profile_rankings
    found = collect_adversaries(results, ranking, score)
    assert found is not None and found.images.shape == found.adversaries.shape
    with np.load(results.folder / "profile" / f"{ranking.name}.adversaries.npz") as stored:
        index, x, predicted = stored["index"], stored["x"], stored["predicted"]
    order = np.argsort(ranking.ranks[score or ranking.score], kind="stable")
    for label in range(10):
        members = [place for place in order if ranking.y[place] == label]
        half = min(5, len(members) // 2)  # some classes have nine members
        assert found.shown[label].tolist() == [n < half or n >= 10 - half for n in range(10)]
        columns = np.flatnonzero(found.shown[label])
        for column, place in zip(columns, [*members[:half], *members[-half:]], strict=True):
            (at,) = np.flatnonzero(index == ranking.index[place])
            assert np.array_equal(found.adversaries[label, column], x[at])
            assert (found.labels[label, column], found.predicted[label, column]) == (label, predicted[at])
            assert found.difficulty[label, column] == 1 - ranking.ranks["difficulty"][place]
    assert found.trial in ranking.trials and found.attack.startswith("PGD-10")
    gallery = collect_gallery(results, ranking)
    assert gallery is not None
    same = [np.array_equal(one[found.shown], other[found.shown]) for one, other in [(gallery.images, found.images)]]
    assert same == [score == ""]


def test_a_sweep_of_older_code_has_a_gallery_and_no_adversaries(results: Sweep) -> None:
    (ranking,) = results.profile_rankings
    next((results.folder / "profile").glob("*.adversaries.npz")).unlink()
    assert collect_adversaries(results, ranking) is None and collect_gallery(results, ranking) is not None
    assert not results.damaged()


@pytest.mark.parametrize("name", ["x", "index", "predicted"])
def test_adversaries_that_do_not_fit_are_damage(results: Sweep, name: str) -> None:
    (ranking,) = results.profile_rankings
    path = next((results.folder / "profile").glob("*.adversaries.npz"))
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays | {name: arrays[name][1:]})
    assert collect_adversaries(results, ranking) is None
    assert "adversaries.npz: damaged" in results.damaged()[0]


def test_of_examples_without_an_adversary_none_is_shown(results: Sweep) -> None:
    (ranking,) = results.profile_rankings
    assert collect_adversaries(results, ranking, "kappa") is None, "the ranking lacks the score"
    path = next((results.folder / "profile").glob("*.adversaries.npz"))
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays | {"index": arrays["index"] + 1})
    assert collect_adversaries(results, ranking) is None and not results.damaged()
