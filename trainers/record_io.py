"""Writing the files of a sweep: JSON, JSON lines, checksums of both, and writes that a kill cannot tear.

trainers.record_reader reads these files. Standard library only.
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
    """A path of records: a pathlib.Path, or a similar object for a URL, which writes files whole or not at all."""

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
    """Return the canonical JSON of a value: sorted keys, no spaces, no NaN. Equal values give equal text everywhere."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON, in hex."""
    return sha256(canonical(value).encode()).hexdigest()


def sealed(value: Row) -> Row:
    """Return a record with its own checksum, by which trainers.record_reader notices a change."""
    return value | {"digest": digest(value)}


def broken(value: Row) -> bool:
    """Return whether a record's checksum is wrong. A record without a checksum is not checked."""
    return "digest" in value and value["digest"] != digest({key: value[key] for key in value if key != "digest"})


def signed(text: str) -> str:
    """Return YAML with its checksum in a first line, which is a comment to other readers."""
    return f"{MARK}{sha256(text.encode()).hexdigest()}\n{text}"


def unchanged(text: str) -> bool:
    """Return whether YAML still has its checksum. YAML that was not signed is not checked."""
    first, _, below = text.partition("\n")
    return not first.startswith(MARK) or first == f"{MARK}{sha256(below.encode()).hexdigest()}"


def write_atomic(path: Place, content: bytes | str) -> None:
    """Replace a file atomically: after a kill at any instant it has either the old or the new content.

    A folder at this path is set aside. Raises OSError if the disk is full or read-only; the old content then remains.
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
        except IsADirectoryError:  # a folder is at this path
            set_aside(path)
            os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def set_aside(path: Place) -> None:
    """Rename a damaged record for inspection: result.json to result.damaged, or to the next free name."""
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
    """Return the user's umask: mkstemp makes private files, and records should be as readable as other files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Place, value: Any) -> None:
    """Write a value as readable JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def append_rows(path: Place, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows as JSON lines in one write. Behind a URL, where nothing can be appended, rewrite the whole file."""
    text = "".join(canonical(row) + "\n" for row in rows)
    if not isinstance(path, Path):
        path.write_bytes((path.read_bytes() if path.exists() else b"") + text.encode())
        return
    with path.open("a", encoding="ascii") as file:
        file.write(text)
