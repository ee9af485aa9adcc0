"""From the arrays and image files that users have to a source, or to an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trainers.data import Source


class DataError(ValueError):
    """A data set cannot be had: what is missing or malformed, and what to do about it."""


def as_source(where: str, x_train: Any, y_train: Any, x_test: Any = None, y_test: Any = None) -> Source:
    """Check images and labels and bring them to (N, H, W, channels) uint8 and (N,) int64.

    Raises DataError, beginning with `where`, if they are not uint8 images with labels 0..C-1.
    """
    x, y = _pair(where, "train", x_train, y_train)
    classes = int(y.max()) + 1
    absent = np.setdiff1d(np.arange(min(classes, len(y))), y)
    if len(absent):
        raise DataError(
            f"{where}: y_train has labels up to {classes - 1} but none that is {absent[0]}; "
            "number the classes 0..C-1 without gaps"
        )
    if classes < 2:
        raise DataError(f"{where}: y_train has one class only; expected at least 2")
    if x_test is None:
        return Source(x, y, x[:0], y[:0], classes)
    held, answers = _pair(where, "test", x_test, y_test)
    if held.shape[1:] != x.shape[1:]:
        raise DataError(f"{where}: x_train has images of {x.shape[1:]}, x_test of {held.shape[1:]}; make them equal")
    if answers.max() >= classes:
        raise DataError(f"{where}: y_test has label {answers.max()}; y_train has 0..{classes - 1} only")
    return Source(x, y, held, answers, classes)


def _pair(where: str, part: str, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    images = _images(f"{where}: x_{part}", np.asarray(x))
    labels = _labels(f"{where}: y_{part}", np.asarray(y))
    if len(images) != len(labels):
        raise DataError(f"{where}: x_{part} has {len(images)} images and y_{part} {len(labels)} labels")
    return images, labels


def _images(what: str, x: np.ndarray) -> np.ndarray:
    """(N, H, W), (N, H, W, channels) or (N, channels, H, W) -> (N, H, W, channels)."""
    if x.dtype != np.uint8:
        raise DataError(f"{what} is {x.dtype}; expected uint8: store pixels as 0..255, unscaled")
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


def _labels(what: str, y: np.ndarray) -> np.ndarray:
    """(N,) or (N, 1) integers -> (N,) int64."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"{what} has shape {y.shape}; expected (N,) or (N, 1), one label an image")
    if not np.issubdtype(y.dtype, np.integer):
        raise DataError(f"{what} is {y.dtype}; expected integers: the class numbers 0..C-1")
    if len(y) and y.min() < 0:
        raise DataError(f"{what} has label {y.min()}; expected the class numbers 0..C-1")
    return np.ascontiguousarray(y, dtype=np.int64)


def read_folder(folder: Path, size: int, channels: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The images of <folder>/<class>/*, resized to a square, their labels, and the classes in order.

    Raises DataError if there are none or one cannot be read.
    """
    from torchvision.datasets import ImageFolder  # late: torchvision is slow to import

    try:
        files = ImageFolder(str(folder))
    except FileNotFoundError as error:
        raise DataError(f"root: {error}; expected {folder.absolute()}/<class>/*.png or *.jpg") from error
    x = np.empty((len(files), size, size, channels), np.uint8)
    for image, (path, _) in zip(x, files.samples, strict=True):
        try:
            picture = files.loader(path).convert("L" if channels == 1 else "RGB")
        except OSError as error:
            raise DataError(f"root: cannot read {path} ({error}); repair or remove it") from error
        image[:] = np.asarray(picture.resize((size, size))).reshape(image.shape)
    return x, np.asarray(files.targets), files.classes
