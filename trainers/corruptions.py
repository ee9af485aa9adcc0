"""Corrupted test sets: the images of a data set's own test set under fog, noise, blur and the like.

The files have the layout of CIFAR-10-C, Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from trainers.files import expand_path, read_npy
from trainers.formatting import did_you_mean
from trainers.images import DataError, convert_images, convert_labels, prefix_errors
from trainers.knobs import Knobs

SEVERITIES = 5


class Corruptions(Knobs):
    """A folder of <name>.npy files and labels.npy, 5 N rows each: the N test images at severity 1, then at 2, to 5."""

    path: str
    names: Literal["all"] | Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = "all"
    severity: Annotated[int, Field(ge=1, le=SEVERITIES)]

    def load(self, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        """Return the corrupted counterparts of the test images x, (N, H, W, channels) uint8 each, by name.

        Raises DataError if there are none, or if their shapes or labels are not those of x and of y, (N,).
        """
        if not len(y):
            raise DataError(
                "the data set has no test set of its own, and the images that `test` sets apart have no corrupted "
                "counterparts in order; use a data set that has one, or remove the key"
            )
        with prefix_errors("path"):
            folder = expand_path(self.path)
        names = self._found(folder)
        labels = convert_labels("path: labels.npy", self._read(folder / "labels.npy", len(y)))
        if len(differ := np.flatnonzero(labels != y)):
            i = differ[0]
            raise DataError(
                f"path: labels.npy of {folder} says {labels[i]} where the test set says {y[i]} (image {i} of "
                f"severity {self.severity}); the images must be those of the test set, in its order"
            )
        return {name: self._images(folder, name, x) for name in names}

    def _found(self, folder: Path) -> list[str]:
        files = folder.glob("[!.]*.npy")  # operating systems leave files that begin with a dot
        there = sorted(path.stem for path in files if path.stem != "labels")
        if not there:
            raise DataError(f"path: no corruption in {folder.absolute()}; expected <name>.npy as in CIFAR-10-C")
        if self.names == "all":
            return there
        for name in self.names:
            if name not in there:
                hint = did_you_mean(name, there)
                raise DataError(f"names: no {name}.npy in {folder.absolute()}{hint} (there are {', '.join(there)})")
        return sorted(set(self.names))

    def _images(self, folder: Path, name: str, x: np.ndarray) -> np.ndarray:
        images = convert_images(f"path: {name}.npy", self._read(folder / f"{name}.npy", len(x)))
        if images.shape != x.shape:
            raise DataError(f"path: {name}.npy has images of {images.shape[1:]}, the test set of {x.shape[1:]}")
        return images

    def _read(self, path: Path, n: int) -> np.ndarray:
        """Read the rows of this severity only."""
        with prefix_errors("path"):
            rows = read_npy(path, mapped=True)
        if rows.shape[:1] != (SEVERITIES * n,):
            raise DataError(
                f"path: {path.name} has shape {rows.shape}; {SEVERITIES} severities of {n} test images, one after "
                f"another, need {SEVERITIES * n} rows"
            )
        return np.array(rows[(self.severity - 1) * n : self.severity * n])
