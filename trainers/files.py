"""Check the files that a user names before they are opened; errors give the path, what was found and what to do.

A file larger than the machine's memory is refused, since every file is loaded whole. Nothing is ever unpickled.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO
from zipfile import is_zipfile

import numpy as np
from numpy.lib import format

from trainers.formatting import did_you_mean_file

KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


class FileError(ValueError):
    """Raised if a file cannot be read; the message says which file, what was found, and what to do."""


def expand_path(text: str) -> Path:
    """Return the path that a user wrote, with ~ expanded. Raises FileError if no file can have this path."""
    if not text:
        raise FileError("is empty; name a file or folder")
    if "\0" in text:
        raise FileError(f"{text!r} holds a NUL character, which no path has; remove it")
    if "://" in text:
        raise FileError(f"{text} is a URL, and data is read from files; fetch it, and name the file")
    try:
        path = Path(text).expanduser()
        path.lstat()
    except RuntimeError:
        raise FileError(f"{text}: there is no home folder for {Path(text).parts[0]}; write the path out") from None
    except (UnicodeEncodeError, OSError) as error:
        if not isinstance(error, OSError) or error.errno == errno.ENAMETOOLONG:  # other errors: the file may come later
            why = error.strerror if isinstance(error, OSError) else error.reason
            raise FileError(f"{text!r} cannot be read: {why}; no file has this name") from None
    return path


def check_file(path: Path) -> None:
    """Raise FileError unless `path` is a regular file that can be opened and fits the memory of this machine."""
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise FileError(f"no file {path.absolute()}{did_you_mean_file(path.name, list_beside(path))}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{path} is a folder; name a file")
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise FileError(f"{path} is {kind}, not a regular file; name a file on disk")
    check_memory(f"{path} has", found.st_size)


def list_beside(path: Path) -> list[str]:
    """Return the names in the folder of a path; an empty list if it cannot be listed."""
    try:
        return os.listdir(path.parent)
    except OSError:
        return []


def check_memory(what: str, size: int) -> None:
    """Raise FileError, beginning with `what`, if `size` bytes are more than this machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise FileError(
            f"{what} {size / 2**30:,.1f} GiB, more than the {memory / 2**30:,.1f} GiB of memory of this machine"
        )


def read_npy(path: Path, mapped: bool = False) -> np.ndarray:
    """Read the array of an .npy; `mapped` leaves it on disk until it is used. Raises FileError if it cannot be read."""
    check_file(path)
    try:
        with path.open("rb") as file:
            is_npy = file.read(len(format.MAGIC_PREFIX)) == format.MAGIC_PREFIX
            file.seek(0)
            if is_npy and min(_read_shape(file), default=0) < 0:  # numpy before 2.3 takes it for "all that there is"
                raise ValueError("a dimension is negative")
        if is_npy:
            array: np.ndarray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
            return array
    except Exception as error:  # numpy raises errors of any class for bytes that are no array
        raise FileError(
            f"{path} cannot be read ({first_line(error)}); store an array of numbers by numpy.save"
        ) from error
    raise FileError(f"{path} is no .npy; store a single array of numbers by numpy.save")


def _read_shape(file: BinaryIO) -> tuple[int, ...]:
    version = format.read_magic(file)
    read_header = format.read_array_header_1_0 if version == (1, 0) else format.read_array_header_2_0
    shape: tuple[int, ...] = read_header(file)[0]
    return shape


def read_npz(path: Path, wanted: Callable[[set[str]], Sequence[str]]) -> dict[str, np.ndarray]:
    """Read some arrays of an .npz; `wanted` maps the names in the file to the names to read.

    Raises FileError if the file is no .npz, or if an array is missing or cannot be read.
    """
    check_file(path)
    if not is_zipfile(path):
        raise FileError(f"{path} is no .npz archive, or a torn one; write it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = set(archive.files)
            keys = wanted(found)
            if missing := [key for key in keys if key not in found]:
                raise FileError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(sorted(found)) or 'nothing'}")
            members = {info.filename.removesuffix(".npy"): info.file_size for info in archive.zip.infolist()}
            check_memory(f"{path}: {', '.join(keys)} unpack to", sum(members[key] for key in keys))
            arrays = {key: archive[key] for key in keys}
    except FileError:
        raise
    except Exception as error:  # a wrong checksum, a pickle, an unknown compression method, ...
        raise FileError(f"{path} cannot be read ({first_line(error)}); store numbers only, by numpy.savez") from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy returns the bytes of a member that is no array
            raise FileError(f"{path}: {key} is no array; write the file with numpy.savez")
    return arrays


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
