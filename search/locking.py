"""Who runs a sweep: the lock on its folder, which a process holds until it ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

TRIES, PAUSE = 5, 0.02  # whoever only asks holds it for an instant


class Busy(Exception):
    """Another process runs this sweep."""


def lock(folder: Path) -> int:
    """Hold a sweep for this process, until it ends. Raises Busy, or OSError where nothing can be written."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    for again in reversed(range(TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if again:
                time.sleep(PAUSE)
    os.close(handle)
    raise Busy(str(folder)) from None


def held(folder: Path) -> bool:
    """Whether a process runs the sweep; asked of a folder that one may only read, too."""
    try:
        handle = os.open(folder / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
