"""What killed writers left is removed, and nothing else: a user's files may lie beside a sweep's, with names alike."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from search.cluster import nodes
from search.schema.resources import Resources
from search.store import health
from search.store.store import Store
from trainers.record_io import write_atomic

from .test_store import publish

USERS = (
    ".notes.tmp", "sub/.notes.tmp", "trials/.tmp", "trials/a/.notes.tmp", ".bashrc.tmp", "sub/.plan.json.abcdefgh.tmp",
    "stages/.tmp-mine/x", "stages/.tmp-0123456789abcdef0123456789abcdef.mine/x", "plan.json.abcdefgh.tmp",
    ".plan.json.ABCDEFGH.tmp", ".plan.json.abcdefgh.tmp.gz", ".probe.tmp", "profile/.ranks.tmp", "loggers/.a.json.tmp",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "sweep")
    health.create_folders(store.folder)
    store.trial_folder("a").mkdir()
    return store


def killed(write: Callable[[], object], at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill a process as it calls a function of os."""
    child = os.fork()
    if not child:
        monkeypatch.setattr(os, at, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        write()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.long
def test_files_of_killed_writers_are_removed_and_files_of_users_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.folder
    assert isinstance(folder, Path)
    for name in USERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    before = names(folder)
    for name in (
        "plan.json", "space.yaml", "generations.jsonl", "journal.log", "provenance.damaged", "trials/a/instances.npz",
        "trials/a/error.txt", "profile/3f2a.npz", "report/index.html", "report/tables/front.csv",
    ):  # fmt: skip
        killed(lambda name=name: write_atomic(folder / name, "half"), "replace", monkeypatch)  # type: ignore[misc]
    killed(lambda: publish(store, 4, 2), "rename", monkeypatch)
    killed(lambda: health.find_storage_problem(folder), "fsync", monkeypatch)
    monkeypatch.setattr(nodes, "report_node", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    killed(lambda: nodes.check_nodes(None, folder, Resources()), "abort", monkeypatch)
    left = {name for name in names(folder) - before if ".tmp" in name}
    assert len(left) >= 13, "each of them left something"
    store.remove_leftovers()
    assert {name for name in names(folder) - before if ".tmp" in name} == set()
    assert before <= names(folder)
    assert all((folder / name).read_text() == "mine" for name in USERS)


def test_a_link_with_a_temporary_name_is_not_followed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    link = tmp_path / "sweep" / ".plan.json.abcdefgh.tmp"
    link.symlink_to(tmp_path / "precious")
    store.remove_leftovers()
    assert (tmp_path / "precious").read_text() == "mine"
