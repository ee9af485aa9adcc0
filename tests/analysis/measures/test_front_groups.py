"""Fronts of groups: one for each value of an axis or part of a configuration, with its members, knee and volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.exceptions import SweepError
from analysis.measures.front import compute_fronts
from analysis.measures.front_groups import name_groups
from analysis.results.sweep import load_sweep
from trainers.objectives import non_dominated

from ..planned import write_planned
from ..synthetic import Made, write_study, write_sweep

METHODS, SUBSETS = ("AT 0.10", "TRADES 0.10"), ("all", "friendly 108", "random 108")


@pytest.mark.long
@pytest.mark.parametrize(
    ("by", "curves"),
    [
        (("method",), METHODS),
        (("subset",), SUBSETS),
        (("method", "subset"), tuple(f"{method} · {subset}" for method in METHODS for subset in SUBSETS)),
    ],
)
def test_each_group_has_a_front_of_its_own(whole: Path, by: tuple[str, ...], curves: tuple[str, ...]) -> None:
    found = compute_fronts([load_sweep(whole)], by=by)
    assert found.curves == curves
    for panel in found.panels:
        assert tuple(panel.points["curve"].unique()) == curves == tuple(panel.volume)
        for _, rows in panel.points.groupby("curve"):
            assert rows["on_own_front"].tolist() == non_dominated(rows[["x", "y"]].to_numpy()).tolist()
        joint = non_dominated(panel.points[["x", "y"]].to_numpy())
        assert panel.points["on_front"].tolist() == joint.tolist()


def test_without_groups_a_sweep_is_one_curve(whole: Path) -> None:
    found = compute_fronts([load_sweep(whole)])
    assert found.curves == found.sweeps == ("whole",)
    for panel in found.panels:
        assert (panel.points["on_own_front"] == panel.points["on_front"]).all()


def test_a_part_of_a_configuration_names_groups_though_it_is_no_axis(tmp_path: Path) -> None:
    """The subset is an axis of whole blocks, and their sizes are shared by several kinds."""
    results = load_sweep(write_planned(tmp_path / "k", "friendly_k", ["trial.epochs=2"]))
    names = name_groups(results, ("subset.size",))
    assert list(dict.fromkeys(names)) == ["all", "size 90%", "size 80%"]
    kinds = results.study_trials["subset_kind"][np.array(names) == "size 90%"]
    assert set(kinds) == {"friendly", "random"}
    assert set(name_groups(results, ("optimizer.lr",))) == {"without lr", "lr 0.05"}


@pytest.mark.long
def test_the_axis_that_names_groups_joins_no_points(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all", "friendly 108"), epochs=4, replicates=2)
    results = load_sweep(write_study(tmp_path / "lam", "method.weight.lam", (0, 1, 2, 3), made))
    alone, grouped = (compute_fronts([results], by=by) for by in ((), ("lam",)))
    assert alone.scale is not None and grouped.scale is None
    assert grouped.curves == ("lam 0", "lam 1", "lam 2", "lam 3")


@pytest.mark.long
def test_groups_of_two_sweeps_are_told_apart(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False))
    found = compute_fronts([load_sweep(whole), load_sweep(other)], by=("method",))
    assert found.curves == ("whole · AT 0.10", "whole · TRADES 0.10", "other · AT 0.10", "other · TRADES 0.10")


def test_an_unknown_group_is_refused_with_the_axes(whole: Path) -> None:
    with pytest.raises(SweepError, match=r"--by sise is neither an axis .* label_noise, method, subset"):
        compute_fronts([load_sweep(whole)], by=("sise",))
