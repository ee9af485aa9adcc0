"""Checks of the storage under a sweep: whether its folder is still there and can be written, and the remedy if not."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from search.store.remote import RemotePath, explain_error
from trainers.record_io import Place

PROBE_FILE = ".probe"
# Only the driver creates these folders. If one is missing, something else stands in the place of the sweep's folder.
SUBFOLDERS = ("trials", "stages")
REMEDIES = {
    errno.ENOSPC: ("the disk is full", "free some room"),
    errno.EDQUOT: ("the quota of disk space is used up", "free some room"),
    errno.EROFS: ("the storage can only be read", "make it writable"),
    errno.EACCES: ("the storage may not be written to", "make it writable"),
    errno.EPERM: ("the storage may not be written to", "make it writable"),
    errno.ENOENT: ("the storage is gone", "bring it back"),
    errno.ENOTDIR: ("the storage is gone", "bring it back"),
}
# errors that concern the whole storage; any other may concern one file alone
STORAGE_WIDE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)


def create_folders(folder: Place) -> None:
    """Create the folder of a sweep and the subfolders that workers rely on."""
    for part in SUBFOLDERS:
        (folder / part).mkdir(parents=True, exist_ok=True)


def check_folders_exist(folder: Place) -> None:
    """Raise FileNotFoundError if the folder of a sweep is no longer there.

    Further writes would land below the mount point, where nobody looks once the storage is back.
    """
    if isinstance(folder, RemotePath):  # behind a URL nothing is mounted
        return
    for part in SUBFOLDERS:
        if not os.path.isdir(f"{folder}/{part}"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder / part))


def find_storage_problem(folder: Place) -> str | None:
    """Return why nothing can be stored in the folder of a sweep now, and the remedy; None if writing works."""
    try:
        if isinstance(folder, RemotePath):
            (folder / PROBE_FILE).write_bytes(bytes(4096))
            (folder / PROBE_FILE).unlink(missing_ok=True)  # another process may use the same name
            return None
        check_folders_exist(folder)
        with tempfile.NamedTemporaryFile(dir=str(folder), prefix=".probe.", suffix=".tmp") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return _describe(error, folder)
    return None


def find_storage_problem_behind(error: OSError, folder: Place) -> str | None:
    """Return the storage problem that an error shows; None if the error has another cause."""
    if isinstance(folder, RemotePath):
        return find_storage_problem(folder)
    concerns_folder = error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(str(folder))
    if concerns_folder and error.errno in STORAGE_WIDE:
        return _describe(error, folder)
    return find_storage_problem(folder)


def _describe(error: OSError, folder: Place) -> str:
    if isinstance(folder, RemotePath):
        return f"the storage fails ({folder}): {explain_error(error)}; then carry on with the same command"
    problem, remedy = REMEDIES.get(error.errno or 0, (f"the storage fails: {error.strerror or error}", "repair it"))
    return f"{problem} ({folder}); {remedy}, then carry on with the same command"
