"""Read the .npz files of a sweep without trusting them: nothing is unpickled, and a damaged file is no error."""

from __future__ import annotations

import io
import math
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from trainers.record_io import Place
from trainers.record_reader import NOT_AS_RECORDED, Damage, ExpectedFile, open_record, read_with, try_reading

Arrays = dict[str, np.ndarray]
CHUNK = 1 << 20  # bytes
DAMAGED = (
    OSError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,  # the file is a single array, as an .npy is, and no archive to be opened
    BadZipFile,
    zlib.error,
)


def unpack_arrays(content: bytes) -> Arrays:
    """Return the arrays in the bytes of an .npz file. Raises ValueError if the bytes are not an .npz of numbers."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except DAMAGED as error:
        raise ValueError(f"it is no .npz of numbers ({type(error).__name__})") from None


def read_arrays(path: Place, damage: Damage | None = None, expected: ExpectedFile | None = None) -> Arrays | None:
    """Return the arrays of an .npz file, or None if it is missing, damaged, or not as `expected`.

    Damage is recorded in `damage`. Raises OSError if the file cannot be read.
    """

    def read(content: bytes) -> Arrays:
        if expected and not expected.matches(content):
            raise ValueError(NOT_AS_RECORDED)
        return unpack_arrays(content)

    return read_with(path, read, damage, sys.maxsize)


class ArrayHeader(NamedTuple):
    """The shape and type of a stored array."""

    shape: tuple[int, ...]
    dtype: np.dtype


class StoredArrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file by name; an array is read when it is asked for, and is not kept.

    `headers` have their shapes and types. Reading an array raises KeyError if there is none of this name, and
    ValueError if it cannot be read, because the file changed since or was crafted.
    """

    def __init__(self, path: Path, headers: Mapping[str, ArrayHeader]) -> None:
        self.path, self.headers = path, headers

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.headers:
            raise KeyError(name)
        try:
            with open_record(self.path) as file, np.load(file, allow_pickle=False) as archive:
                return np.asarray(archive[name])
        except (ValueError, *DAMAGED) as error:
            raise ValueError(f"{self.path}: its array {name} cannot be read ({type(error).__name__})") from None

    def __contains__(self, name: object) -> bool:
        return name in self.headers  # a mapping would read the array to see whether it is there

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)


def open_arrays(path: Path, damage: Damage, expected: ExpectedFile | None = None) -> StoredArrays | None:
    """Return the arrays of an .npz file without reading them; None if it is missing, damaged, or not as `expected`.

    Without an expected checksum every array is read once to check its own. Damage is recorded in `damage`. Raises
    OSError if the file cannot be read.
    """

    def read() -> StoredArrays:
        with open_record(path) as file:
            if expected and not expected.matches_file(file):
                raise ValueError(NOT_AS_RECORDED)
            headers = _read_headers(file, checked=expected is not None and expected.sha256 is not None)
        return StoredArrays(path, {name.removesuffix(".npy"): header for name, header in headers.items()})

    return try_reading(path, read, damage)


def _read_headers(file: BinaryIO, checked: bool) -> dict[str, ArrayHeader]:
    """Return the header of each member of an archive. Raises ValueError if it is none of arrays of numbers."""
    try:
        with ZipFile(file) as archive:
            return {name: _read_header(archive, name, checked) for name in archive.namelist()}
    except DAMAGED as error:
        raise ValueError(f"it is no .npz of numbers ({type(error).__name__})") from None


def _read_header(archive: ZipFile, member: str, checked: bool) -> ArrayHeader:
    """Return the shape and type of an array; unless the file's bytes are `checked`, read the array to its checksum."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"its array {member} holds objects, not numbers")
        stated = math.prod(shape) * dtype.itemsize if min(shape, default=0) >= 0 else -1
        if archive.getinfo(member).file_size - file.tell() != stated:
            raise ValueError(f"its array {member} does not have the size that it states")
        while not checked and file.read(CHUNK):
            pass
    return ArrayHeader(shape, dtype)
