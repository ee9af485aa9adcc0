"""Dominance, hypervolume and attainment against their definitions and against moocore."""

from __future__ import annotations

import json
import re
from pathlib import Path

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.pareto import attainment, hypervolume, main, non_dominated, staircase

from .synthetic import ATTACKS, Made, write_sweep

points = arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 5).map(float))


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a >= b).all() and (a > b).any())


@given(points)
def test_a_point_is_on_the_front_when_none_dominates_it(found: np.ndarray) -> None:
    expected = [not any(dominates(other, point) for other in found) for point in found]
    assert non_dominated(found).tolist() == expected


@given(points, points)
def test_nan_is_never_on_a_front_and_dominates_nothing(known: np.ndarray, holes: np.ndarray) -> None:
    holes = holes.copy()
    holes[:, 1] = np.nan
    mixed = np.concatenate([holes, known, [[np.nan, 9.0]]])
    mask = non_dominated(mixed)
    assert not mask[: len(holes)].any() and not mask[-1]
    assert mask[len(holes) : -1].tolist() == non_dominated(known).tolist()


@given(points, st.tuples(st.integers(-1, 4), st.integers(-1, 4)))
def test_hypervolume_is_moocores(found: np.ndarray, reference: tuple[int, int]) -> None:
    expected = moocore.hypervolume(found, ref=np.array(reference, dtype=float), maximise=True)
    assert hypervolume(found, reference) == pytest.approx(expected)


def test_hypervolume_in_closed_form() -> None:
    assert hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), (0, 0)) == 3.0
    assert hypervolume(np.array([[1.0, 2.0], [np.nan, 9.0]]), (0, 0)) == 2.0
    assert hypervolume(np.array([[1.0, 2.0]]), (1, 0)) == 0.0
    assert hypervolume(np.empty((0, 2)), (0, 0)) == 0.0


@given(st.integers(2, 5), st.data())
def test_attainment_is_what_that_share_of_the_seeds_dominates(seeds: int, data: st.DataObject) -> None:
    found = [data.draw(arrays(float, (3, 2), elements=st.integers(0, 4).map(float))) for _ in range(seeds)]
    seed = np.repeat(np.arange(seeds), 3)
    mixed = data.draw(st.permutations(range(len(seed))))  # rows come configuration by configuration
    surfaces = attainment(np.concatenate(found)[mixed], seed[mixed])
    for goal in np.ndindex(5, 5):
        share = np.mean([(one >= goal).all(axis=1).any() for one in found])
        for percentile, corners in surfaces.items():
            assert (corners >= goal).all(axis=1).any() == (share >= percentile / 100)


def test_a_staircase_runs_from_the_left_edge_down_to_the_bottom() -> None:
    outline = staircase(np.array([[2.0, 1.0], [1.0, 3.0]]), 0.0, -1.0)
    assert outline.tolist() == [[0, 3], [1, 3], [1, 1], [2, 1], [2, -1]]


def test_the_command_draws_the_figure_and_lists_the_members(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = write_sweep(tmp_path / "better", Made(study="better", lift=0.05, faults=False))
    for name in ("front.png", "front.svg", "front.pdf"):
        assert main([str(sweep), str(better), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 5_000
    shown = capsys.readouterr().out
    assert "better" in shown and "made_up" in shown
    assert "AutoAttack custom" in shown and "3 seeds" in shown


def test_two_budgets_do_not_share_a_front(
    whole: Path, tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = ATTACKS | {"aa": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.2 on 300 images drawn by class"}
    other = write_sweep(tmp_path / "wide", Made(study="wide", attacks=wide, faults=False))
    figure = tmp_path / "front.png"
    assert main([str(whole), str(other), "-o", str(figure)]) == 0
    fronts = " ".join(capsys.readouterr().out.split()).split("Front, ")[1:]
    assert [shown.split(":")[0] for shown in fronts] == ["whole", "whole", "wide", "wide"]
    for shown in fronts:
        assert ("epsilon 0.2 on 300 images drawn by class." in shown) == shown.startswith("wide")
        assert ("epsilon 0.1 on 300 images drawn by class." in shown) == shown.startswith("whole")
    assert main([str(whole), str(other), "-o", str(figure), "--y", "test_pgd20_acc"]) == 0
    assert re.search(r"^Front, label_noise 0 *$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--y", "test_cw_acc"], "--y can be"), (["--x", "nothing"], "nothing is not measured")],
)
def test_an_unknown_metric_is_refused_with_the_known_ones(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main([str(whole), "-o", str(tmp_path / "f.png"), *arguments]) == 2
    shown = capsys.readouterr().err
    assert reason in shown and "test_pgd20_acc" in shown


def test_a_sweep_without_a_result_has_no_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_sweep(tmp_path / "early", Made(finished=False))
    assert json.loads((folder / "plan.json").read_text())["trials"]
    assert main([str(folder), "-o", str(tmp_path / "f.png")]) == 2
    assert "no completed trial" in capsys.readouterr().err


def test_a_figure_of_another_kind_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(whole), "-o", str(tmp_path / "f.jpg")])
    assert stopped.value.code == 2
