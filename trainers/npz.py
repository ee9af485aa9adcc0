"""Arrays in .npz files as a sweep keeps them, read without trust: nothing is unpickled, and no damage is an error."""

from __future__ import annotations

import io
import sys
import zlib
from zipfile import BadZipFile

import numpy as np

from trainers.reading import BROKEN_PROMISE, Damage, Promised, read_with
from trainers.record_io import Place

Arrays = dict[str, np.ndarray]
DAMAGED = (
    OSError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    BadZipFile,
    zlib.error,
)


def unpacked_arrays(content: bytes) -> Arrays:
    """The arrays in the bytes of an .npz file. Raises ValueError where they are none."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except DAMAGED as error:  # of a single array there are no files
        raise ValueError(f"it is no .npz of numbers ({type(error).__name__})") from None


def read_arrays(path: Place, damage: Damage | None = None, promised: Promised | None = None) -> Arrays | None:
    """The arrays of an .npz file; None where it is missing, damaged, or not what was promised of it."""

    def read(content: bytes) -> Arrays:
        if promised and not promised.kept(content):
            raise ValueError(BROKEN_PROMISE)
        return unpacked_arrays(content)

    return read_with(path, read, damage, sys.maxsize)
