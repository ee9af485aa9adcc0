"""Who runs a sweep: the lock on its folder, which a process holds until it ends, however it ends; or a lease."""

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

TRIES, PAUSE = 5, 0.02  # whoever only asks holds it for an instant


def acquire(folder: Place) -> Callable[[], None]:
    """Hold a sweep for this process, until it ends; returns how to let it go before.

    Raises SweepLocked, or OSError where nothing can be written.
    """
    if isinstance(folder, Path):
        return partial(os.close, _locked(folder))
    assert isinstance(folder, RemotePath)
    try:
        return lease.acquire_lease(folder)
    except lease.LeaseHeld:
        raise SweepLocked(str(folder)) from None


def is_locked(folder: Place) -> bool:
    """Whether a process runs the sweep; asked of a folder that one may only read, too."""
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


def _locked(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for again in reversed(range(TRIES)):
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _stands(handle, folder / ".lock"):
                return handle
        except BlockingIOError:
            if again:
                time.sleep(PAUSE)
        os.close(handle)
    raise SweepLocked(str(folder)) from None


def _stands(handle: int, path: Path) -> bool:
    """Whether a file is still the one of its name: who took back what it began has removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
