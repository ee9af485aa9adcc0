"""A sweep simulated by the schedule that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.simulate.__main__ import main

from .trees import FIGURES, GAIRAT


def test_simulation_prints_the_totals_of_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(GAIRAT.format(lam="[-2, -1, 0, 1, 2, 3, 4]"))
    assert main([str(space), "--workers", "8", "--epoch-seconds", "60"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{FIGURES[0].asked} epochs asked, {FIGURES[0].distinct} trained" in printed
    assert "220 epochs, 3 h 40 min; without sharing 400" in printed
    assert "an epoch takes 60 s (--epoch-seconds), a state 134 MB (--state-mb)" in printed


def test_no_sharing_shortens_what_a_thousand_workers_train_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It read: 160 epochs; without sharing at least 8, which is fewer than one training has."""
    assert main(["friendly_k", "--workers", "1000"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "160 epochs, 1 h 20 min" in printed and "without sharing" not in printed


@pytest.mark.parametrize(("keep", "stay"), [("none", 0), ("best", 25), ("forks", 29), ("all", 35)])
def test_simulation_counts_the_kept_states(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keep: str, stay: int
) -> None:
    """Of 28 trainings four are one; they part after 20, 40, 60 and 80 epochs."""
    space = tmp_path / "space.yaml"
    space.write_text(GAIRAT.format(lam="[-2, -1, 0, 1, 2, 3, inf]") + f"  keep: {keep}\n")
    options = ["--set", "search.checkpoint_seconds=6000", "--epoch-seconds", "30", "--state-mb", "1024"]
    assert main([str(space), *options]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "35: one each 200 epochs, 4 forks, and 25 final ones" in printed
    assert "35 GB written" in printed
    assert f"{stay} GB kept, {stay} states (keep: {keep})" in printed


def test_a_space_with_mistakes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "space.yaml").write_text("trial: {epohs: 3}\n")
    assert main([str(tmp_path / "space.yaml")]) == 2
    assert "trial.epohs" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "space.yaml"), "--workers", "0"])
    assert caught.value.code == 2
