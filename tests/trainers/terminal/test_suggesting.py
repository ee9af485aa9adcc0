"""A mistyped folder gets the nearest one that holds what is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.exceptions import SweepError
from analysis.results.sweep import load_sweep
from search.exceptions import NoSweep
from search.store.plan_file import check_exists, load_plan
from trainers.terminal.suggesting import list_sweeps, name_working_directory, suggest_folder


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
def test_a_relative_path_is_looked_for_in_the_working_directory(tmp_path: Path) -> None:
    where = f"in the working directory {tmp_path}"
    assert name_working_directory(Path("results/zzz")) == f" {where}"
    assert name_working_directory(tmp_path / "zzz") == ""
    with pytest.raises(SweepError, match=rf"^results/zzz: no such folder {where}; give the folder"):
        load_sweep("results/zzz")
    with pytest.raises(NoSweep, match=rf"^results/zzz: there is no such folder {where}; give that of a sweep"):
        check_exists(Path("results/zzz"))


@pytest.mark.usefixtures("sweeps")
def test_nothing_is_suggested_if_nothing_is_near() -> None:
    assert suggest_folder(Path("results/zzz"), "plan.json") == ""
    assert suggest_folder(Path("results/friendly_kk"), "space.yaml") == ""


@pytest.mark.usefixtures("sweeps")
def test_the_sweeps_in_a_folder_are_listed_or_else_those_beside_it() -> None:
    listed = "; sweeps in results: friendly_k, methods"
    assert list_sweeps(Path("results"), "plan.json") == list_sweeps(Path("results/zzz"), "plan.json") == listed
    assert list_sweeps(Path("zzz"), "plan.json") == ""
    for read, error in ((load_plan, NoSweep), (load_sweep, SweepError)):
        with pytest.raises(error, match=rf"^results: .*{listed}$"):
            read(Path("results"))
