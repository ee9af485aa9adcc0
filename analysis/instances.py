"""What a trial recorded of each training example, and the ranking made from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NOT_TRAINED = 255  # in the integer curves: the example took no part in that epoch


@dataclass(frozen=True)
class Instances:
    """Per-example records of one trial; `curves` are (T, N), NaN where an example was not trained on."""

    index: np.ndarray  # (N,) position in the original training set
    y: np.ndarray  # (N,) labels as given
    y_clean: np.ndarray  # (N,) labels before any was flipped
    curves: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ranking:
    """An order of the training examples from friendliest (0) to most problematic (1), by one of its scores."""

    name: str  # the file's
    setting: str  # the problem it ranks, by the axes that say it; empty where there is one only
    score: str
    index: np.ndarray  # (N,)
    y: np.ndarray  # (N,) labels as given
    y_clean: np.ndarray  # (N,) labels before any was flipped
    ranks: dict[str, np.ndarray]  # score -> (N,) in [0, 1]
    trials: tuple[str, ...]  # the profiling trials it comes from

    @property
    def title(self) -> str:
        """For humans."""
        return self.setting or "profile"

    @property
    def rank(self) -> np.ndarray:
        """The rank by the ranking's own score, (N,)."""
        return self.ranks[self.score]

    @property
    def flipped(self) -> np.ndarray:
        """Whose label was flipped, (N,) bool."""
        return np.asarray(self.y != self.y_clean)


def read_instances(path: Path) -> Instances | None:
    """Per-example arrays of one trial; None where the file is missing."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    index, y = arrays.pop("index"), arrays.pop("y")
    curves = {}
    for name, values in arrays.items():
        if values.ndim == 2:
            curves[name] = values.astype(np.float32)
            if values.dtype == np.uint8:
                curves[name][values == NOT_TRAINED] = np.nan
    return Instances(index, y, arrays.get("y_clean", y), curves)


def read_ranking(path: Path, setting: str, score: str) -> Ranking | None:
    """One ranking file; None where it is missing or ranks by nothing. Without `score`, by its first one."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    ranks = {name.removeprefix("rank_"): arrays[name] for name in arrays if name.startswith("rank_")}
    if not ranks:
        return None
    score = score if score in ranks else next(iter(ranks))
    trials = json.loads(str(arrays.get("provenance", "{}"))).get("trials", ())
    y = arrays["y"]
    return Ranking(path.stem, setting, score, arrays["index"], y, arrays.get("y_clean", y), ranks, tuple(trials))


def read_images(path: Path, index: np.ndarray) -> np.ndarray | None:
    """The uint8 images (N, H, W, C) of some examples, in that order; None where any of them is missing."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        x, known = file["x"], file["index"]
    place = locate(index, known)
    return None if (place < 0).any() else x[place]


def locate(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The place of each wanted index among the known ones; -1 where it is not there."""
    if len(known) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(known)
    place = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == wanted, place, -1)
