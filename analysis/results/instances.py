"""The per-example records of a trial, and the rankings made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainers.npz import Arrays, read_arrays
from trainers.record_reader import Damage, ExpectedFile

NOT_TRAINED = 255  # in the integer curves: the example was not trained on in that epoch


@dataclass(frozen=True)
class Instances:
    """Per-example records of one trial: (T, N) `curves`, NaN where an example was not trained on, and (N,) `ends`."""

    index: np.ndarray  # (N,) position in the original training set
    y: np.ndarray  # (N,) labels as given
    y_clean: np.ndarray  # (N,) labels before any was flipped
    curves: dict[str, np.ndarray]
    ends: dict[str, np.ndarray]  # measured once, at the best checkpoint


def read_instances(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Instances | None:
    """Read the per-example arrays of one trial; None if the file is missing, damaged, or not as `promised`."""
    arrays = read_example_arrays(path, damage, promised)
    if arrays is None:
        return None
    index, y = arrays.pop("index"), arrays.pop("y")
    curves, ends = {}, {}
    for name, values in arrays.items():
        if values.shape == index.shape and values.dtype.kind == "f":
            ends[name] = values.astype(np.float32)
        if values.ndim == 2:
            curves[name] = values.astype(np.float32)
            if values.dtype == np.uint8:
                curves[name][values == NOT_TRAINED] = np.nan
    return Instances(index, y, arrays.get("y_clean", y), curves, ends)


def read_example_arrays(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Arrays | None:
    """Read arrays with the index and labels of their examples; None, and damage, if they lack these."""
    arrays = read_arrays(path, damage, promised)
    if arrays is None:
        return None
    index = arrays.get("index", np.empty(()))
    labels = [arrays[name] for name in ("y", "y_clean") if name in arrays]
    if "y" not in arrays or not all(
        has_one_each(values, index) and values.dtype.kind in "iu" for values in (index, *labels)
    ):
        damage.add(path, "it does not say of which examples it is")
        return None
    return arrays


def has_one_each(values: np.ndarray, index: np.ndarray) -> bool:
    return values.ndim == 1 and values.shape == index.shape and values.dtype.kind in "iuf"


def locate(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the place of each wanted index among the known ones; -1 for those that are not there."""
    if len(known) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(known)
    place = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == wanted, place, -1)
