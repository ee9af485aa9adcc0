"""A mistyped folder gets the nearest one that holds what is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainers.terminal.suggesting import suggest_folder


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("results/friendly_k", "results/methods", "elsewhere/smoke"):
        Path(folder).mkdir(parents=True)
        Path(folder, "plan.json").touch()
    Path("results/friendly_kkk").mkdir()  # no sweep


@pytest.mark.parametrize(
    ("missing", "meant"),
    {
        "results/friendly_kk": "results/friendly_k",
        "friendly_k": "results/friendly_k",
        "elsewhere/smok": "elsewhere/smoke",
        "elsewhere/method": "results/methods",
    }.items(),
)
@pytest.mark.usefixtures("sweeps")
def test_a_near_folder_is_suggested(missing: str, meant: str) -> None:
    assert suggest_folder(Path(missing), "plan.json") == f"; did you mean {meant}?"


@pytest.mark.usefixtures("sweeps")
def test_nothing_is_suggested_if_nothing_is_near() -> None:
    assert suggest_folder(Path("results/zzz"), "plan.json") == ""
    assert suggest_folder(Path("results/friendly_kk"), "space.yaml") == ""
