"""From the arrays and image files that users have to labelled images, or to an error that says what is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class DataError(ValueError):
    """A data set cannot be had: what is missing or malformed, and what to do about it."""


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


def labels_of(what: str, y: np.ndarray) -> np.ndarray:
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


def read_npz(file: str, wanted: Callable[[set[str]], Sequence[str]]) -> dict[str, np.ndarray]:
    """The arrays of an .npz that are `wanted` of those that it holds.

    Raises DataError if the file is no such archive, lacks one of them, or one cannot be read.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"path: no file {path.absolute()}; name an .npz with {', '.join(wanted(set()))}")
    if not zipfile.is_zipfile(path):
        raise DataError(f"path: {path} is no .npz archive, or a torn one; write it with numpy.savez")
    with np.load(path, allow_pickle=False) as archive:
        found = set(archive.files)
        if missing := [key for key in wanted(found) if key not in found]:
            raise DataError(
                f"path: {file} lacks {', '.join(missing)}; it holds {', '.join(sorted(found)) or 'nothing'}"
            )
        try:
            return {key: archive[key] for key in wanted(found)}
        except ValueError as error:
            raise DataError(f"path: {path} cannot be read ({error}); store numbers only") from error


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
