"""Checks of where a sweep may be stored: valid names, usable folders of results. No check writes anything."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from search.store.health import SUBFOLDERS
from search.store.remote import RemotePath
from trainers.record_io import Place
from trainers.record_reader import read_json

MAX_PART = 255  # bytes of a part of a path; the limit of file systems
MAX_NAME = 200  # bytes of a sweep's name, from which NAME.confirmed.old-1 is derived
MAX_PATH = 4095  # bytes of a path
RESERVED = 400  # bytes of the longest path in a sweep's folder: a tracker's, below a training's name of up to 230
SWEEP_FILES = (".lock", "space.yaml", "plan.json", "provenance.json")  # a begun sweep has one of them and SUBFOLDERS
NOT_WRITABLE = "may not be written to; choose another folder, or let its owner allow it"


def find_name_problem(name: str) -> str | None:
    """Return why no sweep can have a name, which becomes the name of a folder; None if the name is valid."""
    if not name:
        return "is empty"
    if "/" in name or "\\" in name:
        return "is a path; a name is that of one folder, and --results says where it lies"
    if name.startswith("."):
        return "begins with a dot, as the names of hidden folders do"
    if not name.isprintable() or any(letter in name for letter in "?*"):
        return "has an unprintable character or a wildcard; use letters, digits, . _ + -"
    if (size := len(name.encode())) > MAX_NAME:
        return f"has {size} bytes, and at most {MAX_NAME} are allowed, as longer names are derived from it"
    return None


def find_results_problem(results: Place) -> str | None:
    """Return why no sweep can be stored in a folder of results; None if it can, or if only its URL could tell."""
    if isinstance(results, RemotePath):
        return None
    folder = Path(os.path.abspath(str(results)))
    if any(len(os.fsencode(part)) > MAX_PART for part in folder.parts):
        return f"a part of it has more than {MAX_PART} bytes"
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        if not stat.S_ISDIR(os.stat(there).st_mode):
            return f"{there} is no folder"
    except OSError as error:
        return f"{there} {_describe(error)}"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} {NOT_WRITABLE}"
    if is_sweep(folder):
        return f"{results} is a sweep's own folder; name the one that it lies in"
    return None


def find_folder_problem(folder: Place) -> str | None:
    """Return why a sweep can neither begin nor continue in a folder; None if it can.

    A folder that holds anything but a sweep is refused.
    """
    if isinstance(folder, RemotePath):
        return None
    size = len(os.fsencode(os.path.abspath(str(folder))))
    if size + RESERVED > MAX_PATH:
        return f"its path has {size} bytes, and at most {MAX_PATH - RESERVED} leave room for the files in it"
    try:
        if not os.path.lexists(str(folder)):
            return None
        if not stat.S_ISDIR(os.stat(str(folder)).st_mode):
            return "is no folder"
        if not os.access(str(folder), os.W_OK | os.X_OK):
            return NOT_WRITABLE
        if is_sweep(folder) or set(os.listdir(str(folder))) <= {".lock"}:  # left by a sweep killed at its start
            return None
    except OSError as error:
        return _describe(error)
    return "holds files and is no sweep; it is left as it is, and a sweep needs a folder of its own"


def list_world_writable(folder: Place) -> Iterator[str]:
    """Yield a note for a sweep's folder and its parent if every user of the machine may add or remove files there."""
    for path in (Path(str(folder)), Path(str(folder)).parent) if not isinstance(folder, RemotePath) else ():
        if path.is_dir() and path.stat().st_mode & stat.S_IWOTH and not path.stat().st_mode & stat.S_ISVTX:
            yield f"{path}: every user of this machine may change what lies there; chmod o-w keeps them out"


def is_sweep(folder: Place) -> bool:
    """Return whether a sweep was begun in a folder, regardless of later damage."""
    with suppress(OSError):  # there may be a folder in its place
        if isinstance(plan := read_json(folder / "plan.json"), dict) and "format" in plan:
            return True
    has_subfolders = all(os.path.isdir(f"{folder}/{part}") for part in SUBFOLDERS)
    return has_subfolders and any(os.path.isfile(f"{folder}/{name}") for name in SWEEP_FILES)


def _describe(error: OSError) -> str:
    known = {
        errno.ENOENT: "is a link that leads nowhere",
        errno.ELOOP: "is a link that leads to itself",
    }
    return known.get(error.errno or 0, error.strerror or str(error))
