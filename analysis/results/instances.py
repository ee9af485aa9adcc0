"""The arrays that a training recorded of its examples, read one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.results.lazy_arrays import LazyArrays
from trainers.npz import ArrayHeader, Arrays, open_arrays, read_arrays
from trainers.record_reader import Damage, ExpectedFile
from trainers.scores import difficulty_last

NOT_TRAINED = 255  # in the integer curves: the example was not trained on in that epoch
UNNAMED = "it does not say of which examples it is"


class Instances(LazyArrays):
    """What one training recorded of each example: arrays by name, each read when it is asked for, and not kept.

    `instances["loss"]` is (T, N), a row an epoch, NaN where an example was not trained on; other arrays are (N,), or of
    the test set. Integers but those of epochs are as recorded, all else is float32.
    """

    def __getitem__(self, name: str) -> np.ndarray:
        """Read an array. Raises KeyError if it was not recorded, and SweepError if it is damaged."""
        values = super().__getitem__(name)
        if values.ndim == 1 and values.dtype.kind in "iu":
            return values
        found = values.astype(np.float32, copy=False)
        if values.dtype == np.uint8:
            found[values == NOT_TRAINED] = np.nan
        return found

    def read_last(self, name: str) -> np.ndarray:
        """Return the value of each example in the last epoch that trained it, (N,), of an array with a row an epoch.

        It raises as reading the array does, and takes half the time.
        """
        return difficulty_last({"loss": super().__getitem__(name)})

    @property
    def index(self) -> np.ndarray:
        """The position of each example in the original training set, (N,)."""
        return self["index"]

    @property
    def y(self) -> np.ndarray:
        """The labels as given, (N,)."""
        return self["y"]


def open_instances(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Instances | None:
    """Open the per-example arrays of one trial; None if the file is missing, damaged, or not as `promised`."""
    stored = open_arrays(path, damage, promised)
    if stored is None:
        return None
    if not _names_examples(stored.headers):
        damage.add(path, UNNAMED)
        return None
    index = stored.headers["index"]
    shown = {name: header.shape for name, header in stored.headers.items() if _is_shown(header, index)}
    return Instances(stored, shown)


def _is_shown(header: ArrayHeader, index: ArrayHeader) -> bool:
    """Return whether an array has a row an epoch, a number for each example, or positions."""
    if len(header.shape) == 2:
        return header.dtype.kind in "iuf"
    return has_one_each(header, index) or (len(header.shape) == 1 and header.dtype.kind in "iu")


def read_example_arrays(path: Path, damage: Damage) -> Arrays | None:
    """Read arrays with the index and labels of their examples; None, and damage, if they lack these."""
    arrays = read_arrays(path, damage)
    if arrays is None:
        return None
    if not _names_examples({name: ArrayHeader(values.shape, values.dtype) for name, values in arrays.items()}):
        damage.add(path, UNNAMED)
        return None
    return arrays


def _names_examples(headers: Mapping[str, ArrayHeader]) -> bool:
    """Return whether arrays have the index and label of each example."""
    if not {"index", "y"} <= set(headers):
        return False
    columns = [headers[name] for name in ("index", "y", "y_clean") if name in headers]
    return all(has_one_each(column, columns[0]) and column.dtype.kind in "iu" for column in columns)


def has_one_each(values: ArrayHeader | np.ndarray, index: ArrayHeader | np.ndarray) -> bool:
    """Return whether an array has a number for each example."""
    return len(values.shape) == 1 and values.shape == index.shape and values.dtype.kind in "iuf"


def locate(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the place of each wanted index among the known ones; -1 for those that are not there."""
    if len(known) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(known)
    place = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == wanted, place, -1)
