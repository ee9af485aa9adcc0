"""The store: what was published is read back whole or not at all, whatever was done to the files."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import search.store.stages
from search.store.health import create_folders
from search.store.segments import Segment, join_diagnostics, pack_arrays, write_arrays
from search.store.store import Store
from trainers.npz import read_arrays

from ..helpers import hash_files, local

CHAIN = [sha256(bytes([epoch])).hexdigest() for epoch in range(6)]  # names of the states after 0..5 epochs
FILES = ("state.pt", "instances.npz", "diagnostics.npz", "stage.json")


def state(epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "model": {"weight": torch.full((4,), float(epoch))}, "last": {"val_pgd_acc": 0.5}}


def segment(*epochs: int) -> Segment:
    rows = [{"epoch": epoch, "train_loss": 0.1 * epoch} for epoch in epochs]
    costs = [{"epoch": epoch, "seconds": 1.5} for epoch in epochs]
    loss = np.array([[epoch, np.nan] for epoch in epochs], np.float32)
    measured = [epoch for epoch in epochs if epoch % 2]  # a stage may have no diagnostics
    return Segment(rows, costs, {"loss": loss}, {"flatness_epochs": np.array(measured)} if measured else {})


def publish(store: Store, epoch: int, parent: int) -> None:
    store.write_stage(
        CHAIN[epoch], CHAIN[parent] if parent else None, epoch, state(epoch), segment(*range(parent, epoch))
    )


def depth(store: Store) -> int:
    """Return the epoch a session would resume from; check that what it is given is what was published."""
    resumed = store.load_deepest(CHAIN)
    if resumed is None:
        return 0
    assert torch.equal(resumed.state["model"]["weight"], state(resumed.epoch)["model"]["weight"])
    assert [row for part in resumed.segments for row in part.rows] == segment(*range(resumed.epoch)).rows
    loss = np.concatenate([part.instances["loss"] for part in resumed.segments])
    assert np.array_equal(loss, segment(*range(resumed.epoch)).instances["loss"], equal_nan=True)
    assert join_diagnostics(resumed.segments).get("flatness_epochs", np.array([])).tolist() == [
        epoch for epoch in range(resumed.epoch) if epoch % 2
    ]
    return resumed.epoch


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A sweep with checkpoints after 1, 2 and 4 epochs."""
    store = Store(tmp_path / "sweep")
    create_folders(store.folder)
    for epoch, parent in ((1, 0), (2, 1), (4, 2)):
        publish(store, epoch, parent)
    return store


def stage(store: Store, epoch: int) -> Path:
    return local(store.stages_folder / CHAIN[epoch][:2] / CHAIN[epoch])


def test_written_stages_are_read_back_from_the_deepest(store: Store) -> None:
    assert depth(store) == 4
    resumed = store.load_deepest(CHAIN)
    assert resumed is not None
    assert resumed.state["last"] == {"val_pgd_acc": 0.5}
    assert [cost["epoch"] for part in resumed.segments for cost in part.costs] == [0, 1, 2, 3]


def test_a_shorter_chain_resumes_from_its_deepest_stage(store: Store) -> None:
    resumed = store.load_deepest(CHAIN[:4])
    assert resumed is not None
    assert resumed.epoch == 2


def test_a_forked_chain_resumes_from_its_fork(store: Store) -> None:
    resumed = store.load_deepest([*CHAIN[:2], "f" * 64, "e" * 64])
    assert resumed is not None
    assert resumed.epoch == 1


def test_another_chain_finds_no_checkpoint(store: Store) -> None:
    assert store.load_deepest(["f" * 64] * 6) is None
    assert Store(store.folder / "nowhere").load_deepest(CHAIN) is None


def test_a_dropped_state_leaves_its_rows_to_later_stages(store: Store) -> None:
    store.drop_state(CHAIN[1])
    store.drop_state(CHAIN[2])
    assert depth(store) == 4
    assert not (store.stages_folder / "damaged").exists()


def damaged(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        "empty": b"",
        "half": content[:middle],
        "last byte lost": content[:-1],
        "garbage behind": content + b"\0garbage",
        "byte flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "zeros as after a power loss": bytes(len(content)),
    }[how]


HOW = ("empty", "half", "last byte lost", "garbage behind", "byte flipped", "zeros as after a power loss")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_set_aside_and_a_shallower_one_is_loaded(store: Store, file: str, how: str) -> None:
    path = stage(store, 4) / file
    path.write_bytes(damaged(path.read_bytes(), how))
    if (file, how) == ("stage.json", "last byte lost"):  # a line end, and no part of the value
        assert depth(store) == 4
        return
    assert depth(store) == 2
    assert not stage(store, 4).exists()
    assert [path.name[:64] for path in local(store.stages_folder / "damaged").iterdir()] == [CHAIN[4]]
    publish(store, 4, 2)
    assert depth(store) == 4


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("file", ["instances.npz", "diagnostics.npz", "stage.json"])
def test_a_damaged_ancestor_leaves_the_stages_before_it(store: Store, file: str, how: str) -> None:
    path = stage(store, 2) / file
    path.write_bytes(damaged(path.read_bytes(), how))
    if (file, how) == ("stage.json", "last byte lost"):
        assert depth(store) == 4
        return
    assert depth(store) == 1


def test_stages_after_a_damaged_ancestor_are_written_again(store: Store) -> None:
    """Its own files are whole, but lead nowhere; trained again it may have another parent."""
    (stage(store, 2) / "instances.npz").write_bytes(b"torn")
    assert depth(store) == 1
    assert store.find_deepest_epoch(CHAIN) == 1, "the planner must not count on what cannot be loaded"
    publish(store, 3, 1)
    publish(store, 4, 3)
    assert depth(store) == store.find_deepest_epoch(CHAIN) == 4


@pytest.mark.long
def test_every_flipped_bit_of_a_manifest_is_detected(store: Store) -> None:
    content = (stage(store, 4) / "stage.json").read_bytes()
    for position in range(0, len(content), 5):
        flipped = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        (stage(store, 4) / "stage.json").write_bytes(flipped)
        assert depth(store) == 2, f"byte {position}: {content[position : position + 1]!r}"
        publish(store, 4, 2)


@pytest.mark.parametrize("missing", FILES)
def test_a_stage_with_a_missing_file_is_set_aside(store: Store, missing: str) -> None:
    (stage(store, 4) / missing).unlink()
    assert depth(store) == 2


def test_a_missing_ancestor_leaves_the_stages_before_it(store: Store) -> None:
    shutil.rmtree(stage(store, 2))
    assert depth(store) == 1


def test_with_all_checkpoints_lost_training_starts_anew(store: Store) -> None:
    for path in local(store.stages_folder).rglob("state.pt"):
        path.write_bytes(b"")
    assert depth(store) == 0


def test_a_state_may_hold_tensors_and_plain_values_alone(store: Store) -> None:
    class Burglar:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(store.folder / "broken in"),)

    store.write_stage(CHAIN[5], CHAIN[4], 5, {"epoch": 5, "model": Burglar()}, segment(4))
    assert depth(store) == 4, "the one before it serves"
    assert not (store.folder / "broken in").exists()
    assert [path.name[:64] for path in local(store.stages_folder / "damaged").iterdir()] == [CHAIN[5]]


def test_a_dropped_state_can_be_written_again(store: Store) -> None:
    """It keeps its place in the chains that pass it."""
    store.drop_state(CHAIN[2])
    assert store.load_state(CHAIN[2]) is None
    publish(store, 2, 0)
    assert store.load_state(CHAIN[2]) is not None
    assert depth(store) == 4
    assert not list(store.stages_folder.glob(".tmp-*"))


@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_while_a_dropped_state_is_written_again_loses_nothing_else(store: Store, nth: int) -> None:
    store.drop_state(CHAIN[2])
    calls: list[Path] = []
    with pytest.MonkeyPatch.context() as patched:
        for name in ("rename", "replace"):
            patched.setattr(os, name, killed_after(nth, getattr(os, name), calls))
        with pytest.raises(KeyboardInterrupt):
            publish(store, 2, 1)
    store.remove_leftovers()
    assert depth(store) == 4


def killed_after(nth: int, renames: Callable[[Path, Path], None], calls: list[Path]) -> Callable[[Path, Path], None]:
    def once(source: Path, target: Path) -> None:
        renames(source, target)
        calls.append(target)
        if len(calls) == nth:
            raise KeyboardInterrupt

    return once


def test_a_state_dropped_during_a_read_is_not_damage(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read = store._stages.read_file

    def late(name: str, file: str) -> bytes | None:
        store.drop_state(CHAIN[2])
        return read(name, file)

    monkeypatch.setattr(store._stages, "read_file", late)
    assert store.load_state(CHAIN[2]) is None
    monkeypatch.undo()
    assert depth(store) == 4, "its rows are there for what builds on it"


@pytest.mark.parametrize("file", FILES)
def test_copying_a_state_leaves_the_source_unchanged(store: Store, tmp_path: Path, file: str) -> None:
    """It is another sweep's; what is torn the borrower finds."""
    (stage(store, 2) / file).write_bytes(b"torn")
    before, other = hash_files(store.folder), Store(tmp_path / "other")
    create_folders(other.folder)
    store.copy_state_to(CHAIN[4], other)
    assert hash_files(store.folder) == before
    assert depth(other) == {"state.pt": 4, "instances.npz": 1, "diagnostics.npz": 1, "stage.json": 0}[file]


def test_a_copied_and_dropped_state_is_copied_again(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    create_folders(other.folder)
    store.drop_state(CHAIN[1])
    for _ in range(2):
        store.copy_state_to(CHAIN[4], other)
        assert depth(other) == 4
        assert other.list_states() == {CHAIN[2], CHAIN[4]}
        other.drop_state(CHAIN[4])


def test_writing_a_stored_stage_again_changes_nothing(store: Store) -> None:
    before = hash_files(store.folder)
    store.write_stage(CHAIN[4], CHAIN[2], 4, state(4), segment(2, 3))
    assert hash_files(store.folder) == before


def test_two_writers_of_the_same_stage_both_succeed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds it standing at the last moment, and loses nothing."""
    rename, first = os.rename, Store(store.folder)

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "rename", rename)
        publish(first, 5, 4)
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    publish(store, 5, 4)
    assert depth(store) == 5
    assert not list(store.stages_folder.glob(".tmp-*"))


def full_disk(monkeypatch: pytest.MonkeyPatch, at: int, number: int = errno.ENOSPC) -> list[int]:
    """Let os.fsync fail at its at-th call (from 0) and from then on; return the count of calls."""
    calls, fsync = [0], os.fsync

    def failing(handle: int) -> None:
        calls[0] += 1
        if calls[0] > at:
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    return calls


def test_a_full_disk_at_any_moment_leaves_no_partial_stage(store: Store) -> None:
    with pytest.MonkeyPatch.context() as counting:
        calls = full_disk(counting, 1000)
        publish(store, 5, 4)
    for at in range(calls[0]):
        shutil.rmtree(stage(store, 5), ignore_errors=True)
        with pytest.MonkeyPatch.context() as monkeypatch:
            full_disk(monkeypatch, at)
            try:
                publish(store, 5, 4)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                assert not stage(store, 5).exists()
            else:
                assert stage(store, 5).exists(), "no error was raised, so it must stand"
        assert depth(store) == (5 if stage(store, 5).exists() else 4)
        assert not list(store.stages_folder.glob(".tmp-*"))


@pytest.mark.parametrize("nth", [0, 1])
def test_a_disk_that_fills_up_within_a_file_leaves_no_partial_stage(
    store: Store, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    calls = [0]

    def write(path: Path, content: bytes) -> None:
        path.write_bytes(content if calls[0] != nth else content[: len(content) // 2])
        calls[0] += 1
        if calls[0] > nth:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(search.store.stages, "_write", write)
    with pytest.raises(OSError, match="No space left"):
        publish(store, 5, 4)
    assert depth(store) == 4
    assert not list(store.stages_folder.glob(".tmp-*"))


def test_leftovers_of_killed_writers_are_removed(store: Store) -> None:
    dead = store.stages_folder / f".tmp-{uuid.uuid4().hex}"
    dead.mkdir()
    (dead / "state.pt").write_bytes(b"half")
    store.trial_folder("a").mkdir(parents=True)
    (store.trial_folder("a") / ".epochs.jsonl.x1_abcde.tmp").write_bytes(b"half")
    (store.trial_folder("a") / "epochs.jsonl").write_bytes(b"")
    store.remove_leftovers()
    assert sorted(os.listdir(local(store.trial_folder("a")))) == ["epochs.jsonl"]
    assert not dead.exists()
    assert depth(store) == 4


def test_a_result_counts_for_its_own_chain_alone(store: Store) -> None:
    store.trial_folder("a").mkdir(parents=True)
    path = local(store.trial_folder("a") / "result.json")
    path.write_text('{"status": "completed", "chain": "abc"}')
    assert store.read_result("a", "abc") == {"status": "completed", "chain": "abc"}
    assert store.read_result("a", "xyz") is None
    path.write_text('{"status": "comp')
    assert store.read_result("a", "abc") is None
    assert store.read_result("b", "abc") is None


def test_equal_arrays_give_equal_bytes_in_any_order_at_any_time(tmp_path: Path) -> None:
    a, b = np.arange(3), np.array([np.nan, 1.0])
    assert pack_arrays({"a": a, "b": b}, compress=True) == pack_arrays({"b": b.copy(), "a": a}, compress=True)
    write_arrays(tmp_path / "x.npz", {"a": a})
    before = (tmp_path / "x.npz").read_bytes()
    os.utime(tmp_path / "x.npz", (0, 0))
    write_arrays(tmp_path / "x.npz", {"a": a})
    assert (tmp_path / "x.npz").read_bytes() == before


@pytest.mark.parametrize("how", ["empty", "half", "last byte lost", "zeros as after a power loss"])
def test_damaged_arrays_read_as_none(tmp_path: Path, how: str) -> None:
    path = tmp_path / "x.npz"
    write_arrays(path, {"a": np.arange(100)})
    path.write_bytes(damaged(path.read_bytes(), how))
    assert read_arrays(path) is None
    assert read_arrays(tmp_path / "missing.npz") is None


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([{"an": "object"}], dtype=object))
    assert read_arrays(tmp_path / "x.npz") is None
