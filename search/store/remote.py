"""Folders and files behind a URL, opened by pyarrow, with the methods of pathlib that a sweep needs.

Credentials come from the environment and are never part of a URL, because URLs are written into records and sent to
workers.
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
from search.store.leftovers import REMOTE_NAME
from trainers.record_io import Place
from trainers.record_reader import stat_file
from trainers.urls import open_url

ATOMIC_STORES = ("s3", "gcs")  # an object appears once it is complete; objects cannot be renamed
BUCKET_STORES = (*ATOMIC_STORES, "abfs")
CONCURRENT_REQUESTS = 16  # an object store answers each request late, and many at a time
# option of a URL that holds a credential
SECRET_OPTION = re.compile(r"secret|password|token|credential$|(?:^|_)(?:key|sas|sig)$", re.IGNORECASE)
# parts of messages of pyarrow
DENIAL_WORDS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "ucket not found", "HTTP status 40")


class RemoteFile(NamedTuple):
    """A file of a listing."""

    path: str  # below the folder that was listed
    size: int
    modified: float  # seconds since 1970 by the clock of the storage; 0 if it keeps no times


class FileVersion(NamedTuple):
    """The identity of a file, which changes when the file is replaced."""

    modified: float  # seconds since 1970; 0 if the storage keeps no times
    size: int
    inode: int = 0


@dataclass(frozen=True, order=True)
class RemotePath:
    """A folder or a file behind a URL; a folder exists as soon as it contains a file."""

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
    def filesystem(self) -> Any:
        """The pyarrow.fs.FileSystem. Raises OSError or ValueError if none opens."""
        return _open_filesystem(self.head, self.query)[0]

    @property
    def filesystem_path(self) -> str:
        """The path inside `filesystem`."""
        base = _open_filesystem(self.head, self.query)[1]
        return f"{base}{self.path.lstrip('/')}".rstrip("/") or base

    def exists(self) -> bool:
        return bool(self.filesystem.get_file_info(self.filesystem_path).type)  # 0: not found

    def read_bytes(self) -> bytes:
        with self.filesystem.open_input_stream(self.filesystem_path) as file:
            content: bytes = file.read()
        return content

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, data: bytes) -> int:
        """Replace a file as a whole: a reader sees the old content or the new."""
        is_atomic = self.filesystem.type_name in ATOMIC_STORES
        target = self if is_atomic else self.parent / f".{self.name}.{uuid.uuid4().hex}.tmp"
        try:
            target._write_in_place(data)
        except FileNotFoundError:  # unlike an object store, this file system has folders
            self.filesystem.create_dir(self.parent.filesystem_path, recursive=True)
            target._write_in_place(data)
        if target != self:
            target.move(self)
        return len(data)

    def stat_version(self) -> FileVersion | None:
        """Return the version of the file that is there now; None if there is none."""
        info = self.filesystem.get_file_info(self.filesystem_path)
        return FileVersion(info.mtime.timestamp() if info.mtime else 0.0, info.size) if info.is_file else None

    def touch(self) -> None:
        self.write_bytes(b"")

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: each write creates its folders."""

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.filesystem.delete_file(self.filesystem_path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def move(self, target: RemotePath) -> None:
        """Rename a file and replace the target if it exists. A store that cannot rename copies and deletes the file."""
        try:
            self.filesystem.move(self.filesystem_path, target.filesystem_path)
        except FileNotFoundError:
            self.filesystem.create_dir(target.parent.filesystem_path, recursive=True)
            self.filesystem.move(self.filesystem_path, target.filesystem_path)
        except FileExistsError:
            target.unlink(missing_ok=True)
            self.filesystem.move(self.filesystem_path, target.filesystem_path)

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """Yield the entries of a folder that match a pattern of one level; a deeper pattern would list every level."""
        for info in self._list_infos(recursive=False):
            if fnmatchcase(info.base_name, pattern.rstrip("/")):
                yield self / info.base_name

    def list_files(self) -> list[RemoteFile]:
        """List all files below a folder in one request."""
        return [
            RemoteFile(
                info.path.removeprefix(self.filesystem_path).lstrip("/"),
                info.size,
                info.mtime.timestamp() if info.mtime else 0.0,
            )
            for info in self._list_infos(recursive=True)
            if info.is_file
        ]

    def find_leftovers(self) -> Iterator[RemotePath]:
        """Yield the temporary files of killed writers below a folder; a store with atomic writes has none."""
        if self.filesystem.type_name not in ATOMIC_STORES:
            for entry in self.list_files():
                if REMOTE_NAME.fullmatch(entry.path.rpartition("/")[2]):
                    yield self / entry.path

    def _write_in_place(self, data: bytes) -> None:
        with self.filesystem.open_output_stream(self.filesystem_path) as file:
            file.write(data)

    def _list_infos(self, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        found: list[Any] = self.filesystem.get_file_info(
            FileSelector(self.filesystem_path, allow_not_found=True, recursive=recursive)
        )
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


def stat_version(path: Place) -> FileVersion | None:
    """Return the version of the file that is at a path now; None if there is none."""
    if isinstance(path, RemotePath):
        return path.stat_version()
    found = stat_file(Path(str(path)))
    return FileVersion(found.st_mtime, found.st_size, found.st_ino) if found else None


def check_reachable(folder: Place) -> None:
    """Raise Unreachable if a URL contains a credential or does not lead to a folder that can be read."""
    if not isinstance(folder, RemotePath):
        return
    secret = urlsplit(folder.head).password or any(SECRET_OPTION.search(key) for key, _ in parse_qsl(folder.query[1:]))
    if secret:
        hidden = re.sub(r":[^:@/]*@", ":...@", f"{folder.head}{folder.path}")
        raise Unreachable(f"{hidden}: a URL is written into records; let the environment hold the credentials")
    try:
        lacks_folder = not folder.exists() and folder.filesystem.type_name in BUCKET_STORES
        if lacks_folder and not RemotePath(folder.head, "", folder.query).exists():
            raise Unreachable(f"{folder}: there is no such bucket; make it first")
    except (OSError, ValueError, ImportError) as error:
        raise Unreachable(f"{folder}: {explain_error(error)}") from None


def explain_error(error: Exception) -> str:
    """Return in one line why a file system refused, and the remedy if it is known."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "Unrecognized filesystem type" in first:
        return "no file system has this name; write a folder, or a URL such as s3://bucket/prefix or gs://bucket/prefix"
    if any(word in first for word in DENIAL_WORDS):
        return (
            f"{first}; is it spelt right, do the credentials in the environment (as the provider's own tools read "
            "them) reach it, and do they allow to list, read, write and delete?"
        )
    return first


@cache
def _open_filesystem(head: str, query: str) -> tuple[Any, str]:
    """Return the file system behind a URL and the beginning of its paths."""
    filesystem, path = open_url(f"{head}/x{query}")
    return filesystem, path.removesuffix("x")
