"""The per-example records of a trial, and the rankings made from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainers.checking import check_component
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


@dataclass(frozen=True)
class Ranking:
    """An order of the training examples from friendliest (0) to most problematic (1), by one of its scores."""

    name: str  # of the file
    setting: str  # the problem it ranks, by the axes that define it; empty if there is only one
    score: str
    index: np.ndarray  # (N,)
    y: np.ndarray  # (N,) labels as given
    y_clean: np.ndarray  # (N,) labels before any was flipped
    ranks: dict[str, np.ndarray]  # score -> (N,) in [0, 1]
    trials: tuple[str, ...]  # the profiling trials it comes from

    @property
    def title(self) -> str:
        """The name for readers."""
        return self.setting or "profile"

    @property
    def rank(self) -> np.ndarray:
        """The rank by the ranking's own score, (N,)."""
        return self.ranks[self.score]

    @property
    def flipped(self) -> np.ndarray:
        """A mask of the flipped labels, (N,) bool."""
        return np.asarray(self.y != self.y_clean)


def read_instances(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Instances | None:
    """Read the per-example arrays of one trial; None if the file is missing, damaged, or not as `promised`."""
    arrays = _read_example_arrays(path, damage, promised)
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


def read_ranking(path: Path, setting: str, score: str, damage: Damage) -> Ranking | None:
    """Read a ranking file; None if it is missing, damaged, or has no ranks. Without `score`, its first score ranks."""
    arrays = _read_example_arrays(path, damage) or {}
    ranks = {name.removeprefix("rank_"): arrays[name] for name in arrays if name.startswith("rank_")}
    if not ranks:
        return None
    if not all(_one_each(values, arrays["index"]) and np.isfinite(values).all() for values in ranks.values()):
        damage.add(path, "its ranks are not one number for each example")
        return None
    score = score if score in ranks else next(iter(ranks))
    y = arrays["y"]
    trials = _makers(str(arrays.get("provenance", "{}")))
    return Ranking(path.stem, setting, score, arrays["index"], y, arrays.get("y_clean", y), ranks, trials)


def read_images(path: Path, index: np.ndarray, damage: Damage) -> np.ndarray | None:
    """Read the uint8 images (N, H, W, C) of some examples, in that order; None if any is missing or damaged."""
    arrays = read_arrays(path, damage)
    if arrays is None:
        return None
    x, known = arrays.get("x", np.empty(0)), arrays.get("index", np.empty(0))
    if x.dtype != np.uint8 or x.ndim != 4 or known.shape != (len(x),):
        damage.add(path, "it holds no images of 8 bits with an index each")
        return None
    place = locate(index, known)
    return None if (place < 0).any() else x[place]


def _read_example_arrays(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Arrays | None:
    """Read arrays with the index and labels of their examples; None, and damage, if they lack these."""
    arrays = read_arrays(path, damage, promised)
    if arrays is None:
        return None
    index = arrays.get("index", np.empty(()))
    labels = [arrays[name] for name in ("y", "y_clean") if name in arrays]
    if "y" not in arrays or not all(
        _one_each(values, index) and values.dtype.kind in "iu" for values in (index, *labels)
    ):
        damage.add(path, "it does not say of which examples it is")
        return None
    return arrays


def _one_each(values: np.ndarray, index: np.ndarray) -> bool:
    return values.ndim == 1 and values.shape == index.shape and values.dtype.kind in "iuf"


def _makers(text: str) -> tuple[str, ...]:
    """Return the trainings that a ranking says it was made from; none if it does not say."""
    try:
        trials = json.loads(text).get("trials", ())
        return tuple(trial for trial in trials if check_component(trial) is None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ()


def locate(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the place of each wanted index among the known ones; -1 for those that are not there."""
    if len(known) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(known)
    place = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == wanted, place, -1)
