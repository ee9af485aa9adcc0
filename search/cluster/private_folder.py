"""Folders of this process alone among everybody's temporary ones: closed to other users, and removed once it is gone.

Ray makes its folder, and all that it keeps the workers' code in, writable for everybody (mode 0777, whatever the umask
says). So it lies one level below a folder that mkdtemp made, and that stays 0700: nobody else gets past that.
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
MARK = ".made-by"  # in each: which process made it
KNOWN = "robust-search"  # said in the mark, for no other program's file to pass for one


def make() -> Path:
    """A new folder, mode 0700, with a mark in it that tells which process it belongs to; gone when that ends.

    Raises OSError.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_short()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with open(
        os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
    ) as file:  # whatever the umask is
        json.dump(_mark(os.getpid()), file)
    return folder


def remove_of_the_dead() -> None:
    """Remove the folders that killed processes of this user left behind.

    A name alone tells nothing. A folder goes only if this user owns it and its mark, if nobody else may write there,
    and if the mark names a process that is gone: one of this boot and of this namespace of process ids, as elsewhere a
    living process may have that id. What is in doubt stays.
    """
    for folder in Path(_short() or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _own(folder, stat.S_ISDIR) and _own(folder / MARK, stat.S_ISREG) and _gone(folder / MARK):
                shutil.rmtree(folder, ignore_errors=True)


def _short() -> str | None:
    """Where temporary folders lie; Ray's needs a short path, as it holds sockets (107 bytes with all that follows)."""
    return "/tmp" if os.path.isdir("/tmp") else None


def _own(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether a path is what it should be, no link, and this user's alone to write."""
    found = os.lstat(path)
    return kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _gone(mark: Path) -> bool:
    """Whether the process that a mark names has ended; False where that cannot be known."""
    try:
        said = json.loads(mark.read_bytes())
        here = _mark(os.getpid())
        same = isinstance(said, dict) and said.keys() == here.keys()
        if not same or any(said[key] != here[key] for key in ("by", "boot", "namespace")):
            return False
        return said != _mark(int(said["pid"]))
    except (OSError, ValueError, TypeError):
        return False


def _mark(pid: int) -> Row:
    """What tells a process from every other: ids are given again, but not for one that began at the same instant."""
    return {
        "by": KNOWN,
        "pid": pid,
        "began": _began(pid),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "namespace": _namespace(),
    }


def _began(pid: int) -> str | None:
    """In ticks since the machine started; None where no such process is."""
    found = _read(f"/proc/{pid}/stat")
    return found.rpartition(")")[2].split()[19] if found else None  # the name before may hold anything


def _namespace() -> str | None:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return None


def _read(path: str) -> str | None:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return None
