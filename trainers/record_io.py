"""The files a sweep writes: JSON, JSON lines, checksums of both, and writes that a kill cannot tear.

With trainers.reading, which reads such files: standard library only.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, Self

Row = dict[str, Any]
MARK = "# sha256 of what stands below: "


class Place(Protocol):
    """Where records lie: a pathlib.Path, or what stands for one behind a URL and writes a file whole or not at all."""

    @property
    def name(self) -> str: ...

    @property
    def parent(self) -> Self: ...

    def __truediv__(self, key: str, /) -> Self: ...

    def __lt__(self, other: Self, /) -> bool: ...

    def exists(self) -> bool: ...

    def glob(self, pattern: str, /) -> Iterator[Self]: ...

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None: ...

    def touch(self) -> None: ...

    def read_bytes(self) -> bytes: ...

    def read_text(self) -> str: ...

    def write_bytes(self, data: bytes, /) -> int: ...

    def unlink(self, missing_ok: bool = False) -> None: ...


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN; equal values give equal text anywhere."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """The sha256 of a value's canonical JSON, in hex."""
    return sha256(canonical(value).encode()).hexdigest()


def sealed(value: Row) -> Row:
    """A record with its own checksum, by which trainers.reading tells whether it is still what was written."""
    return value | {"digest": digest(value)}


def broken(value: Row) -> bool:
    """Whether a record bears a checksum that is not its own; one that bears none is not checked."""
    return "digest" in value and value["digest"] != digest({key: its for key, its in value.items() if key != "digest"})


def signed(text: str) -> str:
    """YAML with a first line that holds its checksum, which is a comment to whoever reads it otherwise."""
    return f"{MARK}{sha256(text.encode()).hexdigest()}\n{text}"


def unchanged(text: str) -> bool:
    """Whether YAML still is what was signed; what nobody signed is not checked."""
    first, _, below = text.partition("\n")
    return not first.startswith(MARK) or first == f"{MARK}{sha256(below.encode()).hexdigest()}"


def write_atomic(path: Place, content: bytes | str) -> None:
    """Replace `path` whole: after a kill at any instant either the old or the new content stands there.

    A folder that took its place is set aside. Raises OSError when the disk is full or read-only; the old content then
    still stands.
    """
    data = content.encode() if isinstance(content, str) else content
    if not isinstance(path, Path):
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        try:
            os.replace(name, path)
        except IsADirectoryError:  # a folder took its place
            set_aside(path)
            os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def set_aside(path: Place) -> None:
    """Keep a damaged record for inspection: result.json as result.damaged, or under the next free name."""
    stem, n = path.name.rpartition(".")[0], 1
    while (target := path.parent / f"{stem}.damaged{f'-{n}' * (n > 1)}").exists():
        n += 1
    if isinstance(path, Path):
        os.rename(path, str(target))
    else:
        target.write_bytes(path.read_bytes())
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames within a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """mkstemp makes files private; a sweep's records should be as readable as any file the user writes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Place, value: Any) -> None:
    """Write a value as readable JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def append_rows(path: Place, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows as JSON lines in one write; behind a URL, where nothing is appended, that is all of the file."""
    text = "".join(canonical(row) + "\n" for row in rows)
    if not isinstance(path, Path):
        path.write_bytes((path.read_bytes() if path.exists() else b"") + text.encode())
        return
    with path.open("a", encoding="ascii") as file:
        file.write(text)
