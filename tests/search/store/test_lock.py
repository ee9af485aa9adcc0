"""The lock on a sweep: one process at a time, and none once that process is dead."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from search.exceptions import SweepLocked
from search.store.lock import PAUSE, acquire_lock, is_locked


def test_one_process_at_a_time_locks_a_sweep_and_a_kill_releases_the_lock(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    child = os.fork()
    if not child:
        acquire_lock(tmp_path)
        (tmp_path / "held").touch()
        time.sleep(60)
        os._exit(0)
    try:
        while not (tmp_path / "held").exists():
            time.sleep(0.01)
        assert is_locked(tmp_path)
        with pytest.raises(SweepLocked):
            acquire_lock(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not is_locked(tmp_path)
    acquire_lock(tmp_path)()


def test_is_locked_creates_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_is_locked_does_not_keep_a_sweep_from_starting(tmp_path: Path) -> None:
    acquire_lock(tmp_path)()
    looking = os.open(tmp_path / ".lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(PAUSE, os.close, [looking]).start()
    acquire_lock(tmp_path)()


def test_a_lock_on_a_removed_lock_file_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lock may get one of a file that has no name any more."""
    flock, removed = fcntl.flock, []

    def meanwhile(handle: int, how: int) -> None:
        if not removed:
            removed.append(True)
            (tmp_path / ".lock").unlink()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    release = acquire_lock(tmp_path)
    monkeypatch.undo()
    with pytest.raises(SweepLocked):
        acquire_lock(tmp_path)
    release()


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        acquire_lock(tmp_path / "sweep")
    assert not (tmp_path / "elsewhere").exists()
