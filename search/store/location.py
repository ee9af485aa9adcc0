"""Where a sweep may lie: what it may be called, and which folders are no place for it; nothing is written to tell."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from search.store.health import PARTS
from search.store.remote import RemotePath
from trainers.reading import read_json
from trainers.record_io import Place

PART = 255  # bytes of a part of a path, as file systems have it
LONGEST = 200  # bytes of a name, as NAME.confirmed.old-1 is made of it
DEEPEST = 4095  # bytes of a path
BELOW = 400  # bytes of the longest path in a sweep's folder: a tracker's, below a training's name of up to 230
BESIDE = (".lock", "space.yaml", "plan.json", "provenance.json")  # one of them a begun sweep has beside PARTS
CLOSED = "may not be written to; choose another folder, or let its owner allow it"


def unfit(name: str) -> str | None:
    """Why no sweep can have a name, which is that of one folder; None if it can."""
    if not name:
        return "is empty"
    if "/" in name or "\\" in name:
        return "is a path; a name is that of one folder, and --results says where it lies"
    if name.startswith("."):
        return "begins with a dot, as the names of hidden folders do"
    if not name.isprintable() or any(letter in name for letter in "?*"):
        return "has a letter that does not print, or that stands for others; take letters, digits, . _ + -"
    if (size := len(name.encode())) > LONGEST:
        return f"has {size} bytes, and at most {LONGEST} fit, as other names are made of it"
    return None


def unusable(results: Place) -> str | None:
    """Why no sweep can lie in a folder of results; None if it can, or if that is known behind its URL alone."""
    if isinstance(results, RemotePath):
        return None
    folder = Path(os.path.abspath(str(results)))
    if any(len(os.fsencode(part)) > PART for part in folder.parts):
        return f"a part of it has more than {PART} bytes"
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        if not stat.S_ISDIR(os.stat(there).st_mode):
            return f"{there} is no folder"
    except OSError as error:
        return f"{there} {_said(error)}"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} {CLOSED}"
    if is_sweep(folder):
        return f"{results} is a sweep's own folder; name the one that it lies in"
    return None


def unfree(folder: Place) -> str | None:
    """Why a sweep can neither begin nor go on in a folder: what lies there is not a sweep's. None if it can."""
    if isinstance(folder, RemotePath):
        return None
    size = len(os.fsencode(os.path.abspath(str(folder))))
    if size + BELOW > DEEPEST:
        return f"its path has {size} bytes, and at most {DEEPEST - BELOW} leave room for what lies in it"
    try:
        if not os.path.lexists(str(folder)):
            return None
        if not stat.S_ISDIR(os.stat(str(folder)).st_mode):
            return "is no folder"
        if not os.access(str(folder), os.W_OK | os.X_OK):
            return CLOSED
        if is_sweep(folder) or set(os.listdir(str(folder))) <= {".lock"}:  # that of one that was killed as it began
            return None
    except OSError as error:
        return _said(error)
    return "holds files and is no sweep; it is left as it is, and a sweep needs a folder of its own"


def exposed(folder: Place) -> Iterator[str]:
    """A note on each folder around a sweep, and its own, in which every user of the machine may put or remove files."""
    for path in (Path(str(folder)), Path(str(folder)).parent) if not isinstance(folder, RemotePath) else ():
        if path.is_dir() and path.stat().st_mode & stat.S_IWOTH and not path.stat().st_mode & stat.S_ISVTX:
            yield f"{path}: every user of this machine may change what lies there; chmod o-w keeps them out"


def is_sweep(folder: Place) -> bool:
    """Whether a folder is one that a sweep was begun in, whatever was damaged in it since."""
    with suppress(OSError):  # there may be a folder in its place
        if isinstance(plan := read_json(folder / "plan.json"), dict) and "format" in plan:
            return True
    parts = all(os.path.isdir(f"{folder}/{part}") for part in PARTS)
    return parts and any(os.path.isfile(f"{folder}/{name}") for name in BESIDE)


def _said(error: OSError) -> str:
    known = {
        errno.ENOENT: "is a link that leads nowhere",
        errno.ELOOP: "is a link that leads to itself",
    }
    return known.get(error.errno or 0, error.strerror or str(error))
