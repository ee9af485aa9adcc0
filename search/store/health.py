"""The file system under a sweep: whether its folder is still there and takes what is written, and what to do if not."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from search.store.remote import RemotePath, explain_error
from trainers.record_io import Place

PROBE = ".probe"
PARTS = ("trials", "stages")  # made by the driver alone: where they are missing, another folder stands in its place
MEND = {
    errno.ENOSPC: ("the disk is full", "free some room"),
    errno.EDQUOT: ("the quota of disk space is used up", "free some room"),
    errno.EROFS: ("the storage can only be read", "make it writable"),
    errno.EACCES: ("the storage may not be written to", "make it writable"),
    errno.EPERM: ("the storage may not be written to", "make it writable"),
    errno.ENOENT: ("the storage is gone", "bring it back"),
    errno.ENOTDIR: ("the storage is gone", "bring it back"),
}
AT_ONCE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)  # others may be of one file alone


def establish(folder: Place) -> None:
    """Make a sweep's folder and those in it that workers rely on."""
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)


def check(folder: Place) -> None:
    """Raises FileNotFoundError if a sweep's folder is not there any more.

    Whoever wrote on would do so below the mount point, where nobody looks when the storage is back.
    """
    for part in PARTS:
        if not isinstance(folder, RemotePath) and not os.path.isdir(
            f"{folder}/{part}"
        ):  # behind a URL nothing is mounted
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder / part))


def storage_problem(folder: Place) -> str | None:
    """Why nothing can be stored in a sweep's folder now, and what to do; None if something can."""
    try:
        if isinstance(folder, RemotePath):
            (folder / PROBE).write_bytes(bytes(4096))
            (folder / PROBE).unlink(missing_ok=True)  # another's may have been the same
            return None
        check(folder)
        with tempfile.NamedTemporaryFile(dir=str(folder), prefix=".probe.", suffix=".tmp") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return _said(error, folder)
    return None


def storage_problem_behind(error: OSError, folder: Place) -> str | None:
    """Why nothing can be stored, if that is what an error shows; None if it is about something else."""
    if isinstance(folder, RemotePath):
        return storage_problem(folder)
    about_it = error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(str(folder))
    if about_it and error.errno in AT_ONCE:
        return _said(error, folder)
    return storage_problem(folder)


def _said(error: OSError, folder: Place) -> str:
    if isinstance(folder, RemotePath):
        return f"the storage fails ({folder}): {explain_error(error)}; then carry on with the same command"
    what, remedy = MEND.get(error.errno or 0, (f"the storage fails: {error.strerror or error}", "mend it"))
    return f"{what} ({folder}); {remedy}, then carry on with the same command"
