"""Read the .npz files of a sweep without trusting them: nothing is unpickled, and a damaged file is no error."""

from __future__ import annotations

import io
import sys
import zlib
from zipfile import BadZipFile

import numpy as np

from trainers.record_io import Place
from trainers.record_reader import NOT_AS_RECORDED, Damage, ExpectedFile, read_with

Arrays = dict[str, np.ndarray]
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
