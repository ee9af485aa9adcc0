"""Temporary folders that only this user can enter, and that are removed once the process is gone.

Ray makes its folder, and those in which it keeps the workers' code, writable for everybody (mode 0777, whatever the
umask). It therefore lies inside a folder made by mkdtemp with mode 0700, which other users cannot enter.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from trainers.record_io import Row

PREFIX = "rs-"
MARK = ".made-by"  # a file in each folder that names the process that made it
PROGRAM = "robust-search"  # stands in the mark, so that no other program's file passes for one


def create_folder() -> Path:
    """Create a folder with mode 0700 and a mark of this process in it; it is removed when the process ends.

    Raises OSError.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_find_parent()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    descriptor = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # whatever the umask is
    with open(descriptor, "w") as file:
        json.dump(_describe_process(os.getpid()), file)
    return folder


def remove_abandoned() -> None:
    """Remove the folders that killed processes of this user left behind.

    A name alone proves nothing. A folder is removed only if this user owns it and its mark, nobody else may write
    there, and the mark names a process that has ended. That process must be of this boot and of this namespace of
    process ids, as elsewhere a running process may have its id. In doubt the folder stays.
    """
    for folder in Path(_find_parent() or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if (
                _is_private(folder, stat.S_ISDIR)
                and _is_private(folder / MARK, stat.S_ISREG)
                and _has_ended(folder / MARK)
            ):
                shutil.rmtree(folder, ignore_errors=True)


def _find_parent() -> str | None:
    """Return the parent of temporary folders. Ray needs a short path: that of a Unix socket has at most 107 bytes."""
    return "/tmp" if os.path.isdir("/tmp") else None


def _is_private(path: Path, kind: Callable[[int], bool]) -> bool:
    """Tell whether a path is of this kind and no link, and only this user may write to it."""
    found = os.lstat(path)
    return kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _has_ended(mark: Path) -> bool:
    """Tell whether the process that a mark names has ended; False if that cannot be known."""
    try:
        stored = json.loads(mark.read_bytes())
        here = _describe_process(os.getpid())
        complete = isinstance(stored, dict) and stored.keys() == here.keys()
        if not complete or any(stored[key] != here[key] for key in ("by", "boot", "namespace")):
            return False
        return stored != _describe_process(int(stored["pid"]))
    except (OSError, ValueError, TypeError):
        return False


def _describe_process(pid: int) -> Row:
    """Return what identifies a process: ids are reused, but not for one that started at the same instant."""
    return {
        "by": PROGRAM,
        "pid": pid,
        "began": _read_start(pid),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "namespace": _read_namespace(),
    }


def _read_start(pid: int) -> str | None:
    """Return when a process started, in ticks since the machine did; None if there is no such process."""
    found = _read(f"/proc/{pid}/stat")
    return found.rpartition(")")[2].split()[19] if found else None  # the name before it may contain anything


def _read_namespace() -> str | None:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return None


def _read(path: str) -> str | None:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return None
