"""The lock of a sweep: a file lock on its folder, held until the process ends in any way; or a lease behind a URL."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from search.exceptions import SweepLocked
from search.store import lease
from search.store.remote import RemotePath
from trainers.record_io import Place

TRIES, PAUSE = 5, 0.02  # is_locked holds the lock for an instant


def acquire_lock(folder: Place) -> Callable[[], None]:
    """Lock a sweep for this process until it ends; return a function that releases the lock earlier.

    Raises SweepLocked if another process holds it, and OSError if nothing can be written.
    """
    if isinstance(folder, Path):
        return partial(os.close, _open_locked(folder))
    assert isinstance(folder, RemotePath)
    try:
        return lease.acquire_lease(folder)
    except lease.LeaseHeld:
        raise SweepLocked(str(folder)) from None


def is_locked(folder: Place) -> bool:
    """Return whether a process runs the sweep. Read access to the folder is enough."""
    if isinstance(folder, RemotePath):
        return lease.is_leased(folder)
    try:
        handle = os.open(f"{folder}/.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _open_locked(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for tries_left in reversed(range(TRIES)):
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(handle, folder / ".lock"):
                return handle
        except BlockingIOError:
            if tries_left:
                time.sleep(PAUSE)
        os.close(handle)
    raise SweepLocked(str(folder)) from None


def _is_current(handle: int, path: Path) -> bool:
    """Return whether a path still names the open file: a refused command removes the lock file that it created."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
