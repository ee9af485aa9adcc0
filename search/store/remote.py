"""Folders and files behind a URL, as pyarrow opens them: the methods of pathlib that a sweep needs, and no more.

Credentials are those of the environment, never part of a URL, for URLs are written into records and sent to workers.
"""

from __future__ import annotations

import re
import uuid
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from search.exceptions import Unreachable
from search.store.leftovers import REMOTE
from trainers.reading import stat_file
from trainers.record_io import Place
from trainers.urls import open_url

WHOLE = ("s3", "gcs")  # where an object appears once all of it is there, and none is renamed
BUCKETS = (*WHOLE, "abfs")
ASKED_AT_ONCE = 16  # of an object store, which answers each request late and many at a time
SECRET = re.compile(r"secret|password|token|credential$|(?:^|_)(?:key|sas|sig)$", re.IGNORECASE)  # options of URLs
# in what pyarrow says
DENIED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "ucket not found", "HTTP status 40")


class Entry(NamedTuple):
    """A file of a listing."""

    path: str  # below the folder that was listed
    size: int
    changed: float  # seconds since 1970, by the clock of whoever stores it; 0 where it keeps no times


class Stamp(NamedTuple):
    """What tells a file from another one that stood in its place."""

    changed: float  # seconds since 1970; 0 where the storage keeps no times
    size: int
    number: int = 0  # the inode


@dataclass(frozen=True, order=True)
class RemotePath:
    """A folder or a file; folders are there as soon as something lies in them."""

    head: str  # scheme://authority
    path: str  # empty, or begins with a slash
    query: str  # options of the file system, with the question mark

    def __str__(self) -> str:
        return f"{self.head}{self.path}{self.query}"

    def __truediv__(self, key: str) -> RemotePath:
        return RemotePath(self.head, f"{self.path}/{key}", self.query)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.head, self.path.rpartition("/")[0], self.query)

    @property
    def system(self) -> Any:
        """The pyarrow.fs.FileSystem. Raises OSError or ValueError where none opens."""
        return _opened(self.head, self.query)[0]

    @property
    def at(self) -> str:
        """Where it lies in that."""
        base = _opened(self.head, self.query)[1]
        return f"{base}{self.path.lstrip('/')}".rstrip("/") or base

    def exists(self) -> bool:
        return bool(self.system.get_file_info(self.at).type)  # 0: not found

    def read_bytes(self) -> bytes:
        with self.system.open_input_stream(self.at) as file:
            content: bytes = file.read()
        return content

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, data: bytes) -> int:
        """Put a whole file in its place: whoever reads sees the old content or the new."""
        target = self if self.system.type_name in WHOLE else self.parent / f".{self.name}.{uuid.uuid4().hex}.tmp"
        try:
            target._put(data)
        except FileNotFoundError:  # unlike an object store this one has folders
            self.system.create_dir(self.parent.at, recursive=True)
            target._put(data)
        if target != self:
            target.move(self)
        return len(data)

    def stamp(self) -> Stamp | None:
        info = self.system.get_file_info(self.at)
        return Stamp(info.mtime.timestamp() if info.mtime else 0.0, info.size) if info.is_file else None

    def touch(self) -> None:
        self.write_bytes(b"")

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: whatever is written brings its folders."""

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.system.delete_file(self.at)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def move(self, target: RemotePath) -> None:
        """Rename a file, over another if one is there; where nothing is renamed it is copied and deleted."""
        try:
            self.system.move(self.at, target.at)
        except FileNotFoundError:
            self.system.create_dir(target.parent.at, recursive=True)
            self.system.move(self.at, target.at)
        except FileExistsError:
            target.unlink(missing_ok=True)
            self.system.move(self.at, target.at)

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """What lies in a folder, by its name alone: no deeper pattern, as every level would be listed."""
        for info in self._listed(recursive=False):
            if fnmatchcase(info.base_name, pattern.rstrip("/")):
                yield self / info.base_name

    def files(self) -> list[Entry]:
        """All files below a folder, in one listing."""
        return [
            Entry(info.path.removeprefix(self.at).lstrip("/"), info.size, info.mtime.timestamp() if info.mtime else 0.0)
            for info in self._listed(recursive=True)
            if info.is_file
        ]

    def torn(self) -> Iterator[RemotePath]:
        """What killed writers left below a folder under temporary names; where objects come whole, nothing."""
        if self.system.type_name not in WHOLE:
            for entry in self.files():
                if REMOTE.fullmatch(entry.path.rpartition("/")[2]):
                    yield self / entry.path

    def _put(self, data: bytes) -> None:
        with self.system.open_output_stream(self.at) as file:
            file.write(data)

    def _listed(self, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        found: list[Any] = self.system.get_file_info(FileSelector(self.at, allow_not_found=True, recursive=recursive))
        return found


def parse_path(text: str) -> Place:
    """Return the folder that a user names: a path, or a URL that pyarrow.fs.FileSystem.from_uri takes.

    Raises ArgumentTypeError for an empty text, which an unset variable of the shell leaves.
    """
    if not text:
        raise ArgumentTypeError("an empty name names no folder; is a variable of the shell not set?")
    if text.startswith("file://"):
        return Path(urlsplit(text).path)
    if "://" not in text:
        return Path(text)
    head, query = text.partition("?")[0], text.partition("?")[2]
    scheme, _, rest = head.partition("://")
    authority, _, path = rest.partition("/")
    path = path.strip("/")
    return RemotePath(f"{scheme}://{authority}", f"/{path}" if path else "", f"?{query}" if query else "")


def file_version(path: Place) -> Stamp | None:
    """Of the file that is there now, if one is."""
    if isinstance(path, RemotePath):
        return path.stamp()
    found = stat_file(Path(str(path)))
    return Stamp(found.st_mtime, found.st_size, found.st_ino) if found else None


def check_reachable(folder: Place) -> None:
    """Raises Unreachable where a URL leads nowhere."""
    if not isinstance(folder, RemotePath):
        return
    secret = urlsplit(folder.head).password or any(SECRET.search(key) for key, _ in parse_qsl(folder.query[1:]))
    if secret:
        hidden = re.sub(r":[^:@/]*@", ":...@", f"{folder.head}{folder.path}")
        raise Unreachable(f"{hidden}: a URL is written into records; let the environment hold the credentials")
    try:
        there = folder.exists()
        if not there and folder.system.type_name in BUCKETS and not RemotePath(folder.head, "", folder.query).exists():
            raise Unreachable(f"{folder}: there is no such bucket; make it first")
    except (OSError, ValueError, ImportError) as error:
        raise Unreachable(f"{folder}: {explain_error(error)}") from None


def explain_error(error: Exception) -> str:
    """Why a file system refused, in a line, and what to do about it if that is known."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "Unrecognized filesystem type" in first:
        return "no file system goes by that; write a folder, or a URL such as s3://bucket/prefix or gs://bucket/prefix"
    if any(word in first for word in DENIED):
        return (
            f"{first}; is it spelt right, do the credentials in the environment (as the provider's own tools read "
            "them) reach it, and do they allow to list, read, write and delete?"
        )
    return first


@cache
def _opened(head: str, query: str) -> tuple[Any, str]:
    """The file system behind a URL, and what its paths begin with."""
    system, below = open_url(f"{head}/x{query}")
    return system, below.removesuffix("x")
