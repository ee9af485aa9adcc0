"""The checks of the storage, on a folder, behind a URL, and on stand-ins for storage that fails them."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any

import pytest

from search.doctor.check import Check, Conditions
from search.doctor.storage import (
    check_folder,
    check_lock,
    check_rename,
    check_room,
    check_speed,
    check_storage,
    check_sync,
)
from search.store.remote import RemotePath, parse_path
from trainers.record_io import Place

REMEDY = "choose another folder by --results, on a local disk or NFSv4"


def check(results: Place, scratch: Path) -> list[Check]:
    return list(check_storage(Conditions(results, scratch, "cpu")))


def refuse(number: int) -> Any:
    def raise_error(*arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    return raise_error


def test_a_folder_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    found = check(tmp_path, tmp_path)
    assert [result for result in found if result.state != "passed"] == []
    assert [result.name for result in found] == ["write", "rename", "fsync", "locks", "free room", "speed"]
    assert os.listdir(tmp_path) == ["there"]


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = check(tmp_path / "new" / "results", tmp_path)
    assert [result for result in found if result.state != "passed"] == [] and os.listdir(tmp_path) == []


def test_an_object_store_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.store.lease.SETTLE_SECONDS", 0.0)
    url = parse_path("mock://bucket/results")
    found = check(url, tmp_path)
    assert [result for result in found if result.state != "passed"] == []
    assert [result.name for result in found] == ["write", "rename", "locks", "free room", "speed"]
    assert found[2].found == "a lease holds until it is released" and found[3].found == "unknown behind a URL"
    assert isinstance(url, RemotePath) and url.list_files() == [], "all is removed"


def test_an_object_store_that_takes_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: RemotePath, data: bytes) -> int:
        raise OSError("AWS Error ACCESS_DENIED during PutObject operation")

    monkeypatch.setattr(RemotePath, "write_bytes", refuse)
    (found,) = check(parse_path("mock://bucket/results"), tmp_path)
    assert found.state == "failed"
    assert found.found.startswith("the storage fails (mock://bucket/results): AWS Error ACCESS_DENIED during PutObject")
    assert "do the credentials in the environment" in found.remedy and "carry on" not in found.remedy


def test_a_url_of_no_file_system_fails(tmp_path: Path) -> None:
    (found,) = check(parse_path("s4://bucket/results"), tmp_path)
    assert found.state == "failed" and "write a folder, or a URL such as s3://bucket/prefix" in found.found


def test_a_file_in_the_place_of_the_folder_fails(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    (found,) = check(tmp_path / "results", tmp_path)
    assert found.state == "failed" and found.found.endswith("is no folder") and found.remedy == REMEDY


@pytest.mark.parametrize(
    ("number", "found", "remedy"),
    [
        (errno.EROFS, "the storage can only be read", "make it writable"),
        (errno.ENOSPC, "the disk is full", "free some room"),
        (errno.EDQUOT, "the quota of disk space is used up", "free some room"),
    ],
)
def test_storage_that_takes_nothing_fails(
    number: int, found: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.store.health.tempfile.NamedTemporaryFile", refuse(number))
    (only,) = check(tmp_path, tmp_path)
    assert only.state == "failed" and only.found == f"{found} ({tmp_path})"
    assert only.remedy == f"{remedy}, or {REMEDY}"


def test_a_folder_that_cannot_be_made_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", refuse(errno.EROFS))
    (only,) = check_folder(tmp_path / "probe")
    assert only.found.startswith("the storage can only be read (") and only.remedy == f"make it writable, or {REMEDY}"


def test_a_rename_that_is_not_atomic_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(source: Any, target: Any) -> None:
        Path(target).unlink(missing_ok=True)
        time.sleep(0.01)
        os.rename(source, target)

    monkeypatch.setattr("trainers.record_io.os.replace", replace)
    found = check_rename(tmp_path)
    assert found.state == "failed" and found.found == "a file that was being replaced was gone for a moment"
    assert found.needed.startswith("atomic replacement of files") and found.remedy == REMEDY


def test_a_rename_that_copies_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(source: Any, target: Any) -> None:
        content = Path(source).read_bytes()
        with open(target, "wb") as file:
            file.write(content[:100])
            file.flush()
            time.sleep(0.01)
            file.write(content[100:])
        Path(source).unlink()

    monkeypatch.setattr("trainers.record_io.os.replace", replace)
    found = check_rename(tmp_path)
    assert found.state == "failed" and found.found.startswith("a reader of a file that was being replaced saw ")


def test_storage_without_fsync_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    found = check_sync(tmp_path)
    assert found.state == "failed" and found.found == "Invalid argument" and found.remedy == REMEDY


def test_storage_without_locks_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    found = check_lock(tmp_path)
    assert found.state == "failed" and found.found == "No locks available" and found.remedy == REMEDY


def test_locks_that_keep_no_one_out_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda handle, how: None)
    found = check_lock(tmp_path)
    assert found.state == "failed" and found.found == "a lock keeps no one out" and found.remedy == REMEDY


def test_a_full_disk_fails() -> None:
    found = check_room(200_000_000)
    assert found.state == "failed" and found.found == "200 MB are free" and found.remedy.startswith("free some room")


def test_slow_storage_needs_checkpoints_less_often(tmp_path: Path) -> None:
    times = iter([0.0, 10.0, 11.0])
    found = check_speed(tmp_path, lambda: next(times))
    assert found.state == "failed" and found.found.startswith("writes 3.36 MB/s, reads 33.6 MB/s")
    assert found.remedy == "set search.checkpoint_seconds: 399, or choose faster storage"
