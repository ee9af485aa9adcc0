"""The command that draws fronts: what it draws, prints and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analysis.pareto import main

from .synthetic import ATTACKS, Made, write_sweep


@pytest.mark.long
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


@pytest.mark.long
def test_two_budgets_do_not_share_a_front(
    whole: Path, tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = ATTACKS | {"aa": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.2 on 300 images drawn by class"}
    other = write_sweep(tmp_path / "wide", Made(study="wide", attacks=wide, faults=False))
    figure = tmp_path / "front.png"
    assert main([str(whole), str(other), "-o", str(figure)]) == 0
    fronts = " ".join(capsys.readouterr().out.split()).split("Front on test images, ")[1:]
    assert [shown.split(":")[0] for shown in fronts] == ["whole", "whole", "wide", "wide"]
    for shown in fronts:
        assert ("epsilon 0.2 on 300 images drawn by class." in shown) == shown.startswith("wide")
        assert ("epsilon 0.1 on 300 images drawn by class." in shown) == shown.startswith("whole")
    assert main([str(whole), str(other), "-o", str(figure), "--y", "test_pgd20_acc"]) == 0
    assert re.search(r"^Front on test images, label_noise 0 *$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.long
def test_two_sweeps_are_compared_in_a_table_and_a_figure(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = write_sweep(tmp_path / "better", Made(study="better", lift=0.2, faults=False))
    figures = [tmp_path / "front.png", tmp_path / "difference.png"]
    options = ["-o", str(figures[0]), "--difference", str(figures[1]), "--log"]
    assert main([str(whole), str(better), *options]) == 0
    assert all(figure.stat().st_size > 5_000 for figure in figures)
    shown = capsys.readouterr().out
    assert re.search(r"label_noise 0: better attains whole +3 and 3 +\d+ % +\d of 9 +0\.\d", shown)
    assert re.search(r"label_noise 0: whole attains better +3 and 3 +0 % +0 of 9 +0\.\d", shown)
    assert re.search(r"whole +\d of 6 +3 +0\.\d{4} +0\.\d{4} +0\.\d{4}", shown)


@pytest.mark.long
def test_groups_of_a_sweep_have_their_hypervolumes(
    whole: Path, tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(whole), "-o", str(tmp_path / "f.png"), "--by", "method"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"AT 0\.10 +\d of 3 +3 +0\.", shown) and "TRADES 0.10 attains AT 0.10" in shown


@pytest.mark.long
def test_a_difference_needs_two_fronts(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(whole), "-o", str(tmp_path / "f.png"), "--difference", str(tmp_path / "d.png")]) == 2
    assert "0 pairs of fronts on the same terms" in capsys.readouterr().err


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
