"""A command that is refused after it has begun to write leaves everything as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import search.run.driver
from search.exceptions import DifferentSweep
from search.execution.sweep import Sweep
from search.run.__main__ import main
from search.store import location
from search.store.lock import acquire_lock
from search.store.store import Store
from trainers.record_io import append_rows, write_json
from trainers.record_reader import read_json

from ..backends import RefusingBackend
from ..helpers import Tiny, hash_files, smoke


@pytest.fixture
def unreachable(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No cluster answers, which is known late; locks end with the command."""
    with ExitStack() as released:

        def locked(folder: Path) -> Callable[[], None]:
            held = ExitStack()
            held.callback(acquire_lock(folder))
            released.push(held)
            return held.close

        monkeypatch.setattr(search.run.driver, "acquire_lock", locked)
        (here / "space.yaml").write_text(smoke())
        yield


def refused(*arguments: str, before: Callable[[], object] = lambda: None) -> None:
    """Check that a command is refused whose backend is not there; `before` happens late, before it is known."""
    assert main(["space.yaml", *arguments], RefusingBackend(before)) == 2


def everything(folder: Path) -> dict[str, str]:
    return hash_files(folder) | {str(path.relative_to(folder)): "" for path in folder.rglob("*") if path.is_dir()}


@pytest.mark.parametrize("draws", [False, True])
def test_a_new_folder_is_removed_if_no_cluster_answers(unreachable: None, here: Path, draws: bool) -> None:
    if draws:
        axes = {"optimizer.lr": {"choice": [0.1, 0.2]}}
        changes = {"search__strategy": "random", "search__trials": 2, "search__axes": axes, "profile": None}
        (here / "space.yaml").write_text(smoke(**changes))
    before = everything(here)
    refused("--results", "new/results")
    assert everything(here) == before


@pytest.mark.parametrize("files", [(), (".lock",)])
def test_an_empty_folder_stays_and_stays_empty(unreachable: None, here: Path, files: tuple[str, ...]) -> None:
    (here / "results" / "space").mkdir(parents=True)
    for name in files:
        (here / "results" / "space" / name).touch()
    refused()
    assert os.listdir(here / "results" / "space") == list(files)


def test_files_added_by_a_user_meanwhile_stay(unreachable: None, here: Path) -> None:
    refused(before=lambda: (here / "results" / "space" / "notes.txt").write_text("mine"))
    assert os.listdir(here / "results" / "space") == ["notes.txt"]


@pytest.mark.long
def test_imported_states_are_removed_with_a_refused_run(unreachable: None, here: Path) -> None:
    Tiny(here / "results" / "other", smoke()).all()
    before = everything(here / "results")
    refused("--reuse", "results/other")
    assert everything(here / "results") == before


def test_a_refused_extension_leaves_the_sweep_resumable(unreachable: None, here: Path) -> None:
    run = Tiny(here / "results" / "space", smoke())
    run.run(0)
    before = everything(here)
    refused("--set", "search.replicates=3")
    assert everything(here) == before
    plan = read_json(here / "results" / "space" / "plan.json")
    assert len(plan["trials"]) == len(run.plan.trials)


def test_a_sweep_moved_aside_is_restored(unreachable: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Tiny(here / "results" / "space", smoke()).run(0)
    (here / "results" / "space" / ".lock").touch()
    before = everything(here)
    refused("--fresh")
    assert everything(here) == before
    assert "The sweep that was there is results/space again." in capsys.readouterr().out


@pytest.mark.parametrize("new", [False, True])
def test_trained_stages_are_kept_after_any_error(
    unreachable: None, here: Path, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    if not new:
        Tiny(here / "results" / "space", smoke()).run(0)

    def trained(sweep: Sweep, *_: object) -> int:
        folder = Path(str(sweep.store.trial_folder(sweep.plan.trials[0].id)))
        folder.mkdir(exist_ok=True)
        append_rows(folder / "epochs.jsonl", [{"epoch": 6}])
        if not new:
            write_json(sweep.store.folder / "now.json", {"began": 1.0})
        raise DifferentSweep(["it is another one"])

    monkeypatch.setattr(Sweep, "run", trained)
    refused("--set", "search.replicates=3")
    (rows,) = (path.read_text().splitlines() for path in here.glob("results/space/trials/*/epochs.jsonl"))
    assert rows[-1] == '{"epoch":6}'
    assert len(read_json(here / "results" / "space" / "plan.json")["trials"]) == 14
    assert len(read_json(here / "results" / "space" / "provenance.json")["runs"]) == 1


def test_a_command_that_finds_the_sweep_locked_changes_nothing(unreachable: None, here: Path) -> None:
    Tiny(here / "results" / "space", smoke())
    release = acquire_lock(here / "results" / "space")
    before = everything(here)
    refused("--set", "search.replicates=3")
    refused("--fresh")
    assert everything(here) == before
    release()


@pytest.mark.parametrize("damage", ["plan.json", "space.yaml", "provenance.json", "trials", "stages", ".lock"])
def test_a_damaged_sweep_is_recognized_as_a_sweep(here: Path, damage: str) -> None:
    run = Tiny(here / "sweep", smoke())
    (here / "sweep" / ".lock").touch()
    assert isinstance(run.store, Store) and location.is_sweep(here / "sweep")
    path = here / "sweep" / damage
    if path.is_dir():
        path.rmdir()
    else:
        path.write_bytes(b"\xff{")
    assert location.find_folder_problem(here / "sweep") is None
    if damage == "plan.json":
        path.unlink()
        path.mkdir()
        assert location.find_folder_problem(here / "sweep") is None, "a folder in its place"


def test_a_foreign_plan_file_does_not_make_a_sweep(here: Path) -> None:
    (here / "work" / "trials").mkdir(parents=True)
    (here / "work" / "plan.json").write_text('{"monday": "think"}')
    assert str(location.find_folder_problem(here / "work")).startswith("holds files and is no sweep")


def test_an_unwritable_folder_is_refused_before_the_start(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "results" / "space").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert "may not be written to" in str(location.find_results_problem(here / "results"))
    assert "may not be written to" in str(location.find_folder_problem(here / "results" / "space"))


@pytest.mark.long
def test_world_writable_results_are_noted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "space.yaml").write_text(smoke())
    for mode, noted in ((0o777, True), (0o1777, False), (0o775, False)):
        (here / "results").mkdir(exist_ok=True)
        (here / "results").chmod(mode)
        assert main(["space.yaml", "--dry-run"]) == 0
        note = "note: results: every user of this machine may change what lies there; chmod o-w keeps them out"
        assert (note in capsys.readouterr().err) == noted
