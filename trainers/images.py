"""Turn the arrays that users have into labelled images, or into an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from trainers.files import FileError

FAINT = 0.25  # of white: floats that do not reach it were perhaps scaled twice


class DataError(ValueError):
    """A data set cannot be had: what is missing or malformed, and what to do about it."""


class NotHere(DataError):
    """A data set would have to be downloaded first."""


@contextmanager
def about(key: str) -> Iterator[None]:
    """Let complaints about data begin with the key that they are about."""
    try:
        yield
    except (DataError, FileError) as error:
        kind = type(error) if isinstance(error, DataError) else DataError
        raise kind(f"{key}: {error}") from error


class Labelled(NamedTuple):
    x: np.ndarray  # (N, H, W, channels) uint8
    y: np.ndarray  # (N,) int64


def labelled(where: str, names: tuple[str, str], x: Any, y: Any) -> Labelled:
    """Check images and labels, called by these names, and bring them to their form.

    Raises DataError, beginning with `where`, if they are not uint8 images with labels from 0.
    """
    images = images_of(f"{where}: {names[0]}", np.asarray(x))
    labels = labels_of(f"{where}: {names[1]}", np.asarray(y))
    if len(images) != len(labels):
        raise DataError(f"{where}: {names[0]} has {len(images)} images and {names[1]} {len(labels)} labels")
    return Labelled(images, labels)


def images_of(what: str, x: np.ndarray) -> np.ndarray:
    """(N, H, W), (N, H, W, channels) or (N, channels, H, W) -> (N, H, W, channels)."""
    if x.dtype != np.uint8:
        raise DataError(f"{what} is {x.dtype}{_range(x)}; expected uint8, pixels of 0..255: {_as_uint8(x)}")
    if not x.size:
        raise DataError(f"{what} is empty, of shape {x.shape}; leave the array out if there are no images")
    if x.ndim == 3:
        return np.ascontiguousarray(x[..., None])
    last, first = x.ndim == 4 and x.shape[3] in (1, 3), x.ndim == 4 and x.shape[1] in (1, 3)
    if last and first:
        raise DataError(f"{what} has the ambiguous shape {x.shape}: (N, H, W, C) and (N, C, H, W) both fit")
    if not last and not first:
        raise DataError(f"{what} has shape {x.shape}; expected (N, H, W[, C]) or (N, C, H, W) with C 1 or 3")
    return np.ascontiguousarray(x if last else np.moveaxis(x, 1, -1))


def labels_of(what: str, y: np.ndarray) -> np.ndarray:
    """(N,) or (N, 1) integers -> (N,) int64."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"{what} has shape {y.shape}; expected (N,) or (N, 1), one label an image")
    if not np.issubdtype(y.dtype, np.integer):
        raise DataError(f"{what} is {y.dtype}; expected integers: the class numbers 0..C-1")
    if len(y) and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        odd = y.min() if y.min() < 0 else y.max()
        raise DataError(f"{what} has label {odd}; expected the class numbers 0..C-1")
    return np.ascontiguousarray(y, dtype=np.int64)


def _range(x: np.ndarray) -> str:
    """Say which values pixels of another type have."""
    if x.dtype.kind not in "iuf" or not x.size:
        return ""
    bad = x.size - int(np.isfinite(x).sum())
    return f" with {bad} values NaN or infinite" if bad else f" with values of {x.min():.6g} to {x.max():.6g}"


def _as_uint8(x: np.ndarray) -> str:
    """Say how to store pixels of another type as uint8."""
    if x.dtype == bool:
        return "store 255 * x.astype(np.uint8)"
    if x.dtype.kind not in "iuf" or not x.size or not np.isfinite(x).all():
        return "store them unscaled"
    if x.min() < 0:
        return "undo what standardised them, then store np.rint(255 * x).astype(np.uint8)"
    if x.max() < FAINT:
        return "undo what scaled them so low (twice by 255?), then store np.rint(255 * x).astype(np.uint8)"
    if x.max() <= 1:
        return "store np.rint(255 * x).astype(np.uint8)"
    if x.max() <= 255:
        return "store np.rint(x).astype(np.uint8)"
    return "store np.rint(255 / white * x).astype(np.uint8), where white is 65535, or 4095 of 12 bits"


def listed(names: Sequence[object], most: int = 10) -> str:
    """Name the first few of several things, and count the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
