"""Convert a user's arrays to labelled images, or raise an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from trainers.files import FileError

FAINT = 0.25  # fraction of white: float pixels that stay below it were perhaps scaled twice


class DataError(ValueError):
    """Raised if a data set cannot be loaded; the message says what is missing or malformed, and what to do."""


class NotDownloaded(DataError):
    """Raised if a data set would have to be downloaded first."""


@contextmanager
def prefix_errors(key: str) -> Iterator[None]:
    """Prefix the message of a DataError or FileError with the key that it is about; both are raised as DataError."""
    try:
        yield
    except (DataError, FileError) as error:
        kind = type(error) if isinstance(error, DataError) else DataError
        raise kind(f"{key}: {error}") from error


class LabelledImages(NamedTuple):
    """Images and their labels, checked."""

    x: np.ndarray  # (N, H, W, channels) uint8
    y: np.ndarray  # (N,) int64


def check_labelled(where: str, names: tuple[str, str], x: Any, y: Any) -> LabelledImages:
    """Check images and labels and convert them to LabelledImages; messages call them by `names`.

    Raises DataError, beginning with `where`, if they are not equally many uint8 images and labels from 0.
    """
    images = convert_images(f"{where}: {names[0]}", np.asarray(x))
    labels = convert_labels(f"{where}: {names[1]}", np.asarray(y))
    if len(images) != len(labels):
        raise DataError(f"{where}: {names[0]} has {len(images)} images and {names[1]} {len(labels)} labels")
    return LabelledImages(images, labels)


def convert_images(what: str, x: np.ndarray) -> np.ndarray:
    """Convert images to channels last: (N, H, W), (N, H, W, channels) or (N, channels, H, W) -> (N, H, W, channels).

    Raises DataError, beginning with `what`, if they are not uint8 or their shape is another or ambiguous.
    """
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


def convert_labels(what: str, y: np.ndarray) -> np.ndarray:
    """Convert labels: (N,) or (N, 1) integers -> (N,) int64.

    Raises DataError, beginning with `what`, if they are no integers, are negative, or have another shape.
    """
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
    """Return a clause on the values of pixels that are not uint8, or '' if there is nothing to say."""
    if x.dtype.kind not in "iuf" or not x.size:
        return ""
    bad = x.size - int(np.isfinite(x).sum())
    return f" with {bad} values NaN or infinite" if bad else f" with values of {x.min():.6g} to {x.max():.6g}"


def _as_uint8(x: np.ndarray) -> str:
    """Return an instruction to store pixels of another type as uint8."""
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
