"""Rankings from files, read when the sweep is planned and checked against its data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, Literal
from zipfile import is_zipfile

import numpy as np
from pydantic import model_validator

from trainers.data import Data
from trainers.files import FileError, check_file, expand_path, read_npy, read_npz
from trainers.knobs import Knobs
from trainers.ranked_subsets import ScoreName
from trainers.scores import normalized_rank

TRAINING_KEYS = ("seeds", "trial", "follows", "first_epoch", "average")


class RankingFile(Knobs):
    """A ranking from a file instead of trainings; a relative path starts at the current folder.

    .npy: one rank or score for each example of the source's training set, in its order and before any hold-out. Dong
    et al. 2021 publish theirs like this (prob_rank.npy, the 50,000 examples of CIFAR-10, 0 the friendliest).
    .npz: profile/<ranking>.npz of another sweep, with the names of scores and the index and label of each example.
    """

    file: str
    score: ScoreName = "instability"  # the score of an .npy
    order: Literal["friendly_first", "problematic_first"] = (
        "friendly_first"  # which end of an .npy has the lowest number
    )

    @model_validator(mode="before")
    @classmethod
    def _check_one_source(cls, value: Any) -> Any:
        both = [key for key in TRAINING_KEYS if isinstance(value, dict) and key in value]
        if both:
            raise ValueError(
                f"a ranking comes from a file or from trainings; remove `file`, or {', '.join(both)} (a null "
                "removes a key of the file that this one extends)"
            )
        return value

    def read_ranks(self) -> FileRanks:
        """Return the file's ranks. Raises ValueError if it cannot be read or holds no ranks."""
        path = expand_path(self.file)
        check_file(path)
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if not is_zipfile(path):
            ranks = _check_ranks(read_npy(path), str(path))
            if not len(ranks) or ranks.min() == ranks.max():
                raise ValueError(f"{path}: its {len(ranks)} ranks are all equal, which orders nothing")
            return FileRanks(
                self, digest, {self.score: ranks if self.order == "friendly_first" else -ranks}, None, None
            )
        unused = sorted(self.model_fields_set - {"file"})
        if unused:
            raise ValueError(f"{path} is an .npz, which names its own scores and order; remove {' and '.join(unused)}")
        return FileRanks(self, digest, *_unpack_arrays(read_npz(path, partial(_select_arrays, path)), path))


@dataclass(frozen=True)
class FileRanks:
    """The ranks in a file by score, (M,) each; the lowest is the friendliest example."""

    knobs: RankingFile
    sha256: str  # of the file
    ranks: dict[str, np.ndarray]
    index: np.ndarray | None  # (M,) positions in the source's training set; None: all of them, in order
    y: np.ndarray | None  # (M,) labels that the ranking was made with, if the file has them

    def select_ranks(self, data: Data, examples: int) -> dict[str, np.ndarray]:
        """Return rank_<score> of a training split, (N,) each; `examples` is the size of the source's training set.

        The examples that the hold-out leaves are ranked anew. Raises ValueError if the file ranks another data set.
        """
        place = self._locate_all(data, examples) if self.index is None else self._locate(self.index, data)
        return {f"rank_{score}": normalized_rank(ranks[place]) for score, ranks in self.ranks.items()}

    def _locate_all(self, data: Data, examples: int) -> np.ndarray:
        size = len(next(iter(self.ranks.values())))
        if size != examples:
            raise ValueError(
                f"{self.knobs.file} has {size} ranks, and the training set before the hold-out {examples} examples; "
                "it ranks another data set, or a part of it"
            )
        if data.flipped.any():
            raise ValueError(
                f"{self.knobs.file} does not know of the {data.flipped.sum()} labels that data.label_noise flips, "
                "which makes friendly examples problematic; make the ranking by trainings, or flip none"
            )
        return data.index

    def _locate(self, index: np.ndarray, data: Data) -> np.ndarray:
        order = np.argsort(index, kind="stable")
        place = order[np.searchsorted(index, data.index, sorter=order).clip(max=len(index) - 1)]
        lacking = int((index[place] != data.index).sum())
        if lacking:
            raise ValueError(
                f"{self.knobs.file} has no rank for {lacking} of {len(place)} training examples; it was made with "
                "another hold-out: take its `val`, `train` and `split_seed`, or make the ranking by trainings"
            )
        other = int((self.y[place] != data.train.y.numpy()).sum()) if self.y is not None else 0
        if other:
            raise ValueError(
                f"{self.knobs.file} was made with other labels: {other} of {len(place)} differ; it ranks another data "
                "set, or was made with other label noise"
            )
        return place


def _check_ranks(values: np.ndarray, what: str) -> np.ndarray:
    """Return ranks as float64, (M,). Raises ValueError if they are not one finite number per example."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{what}: ranks are numbers; got an array of {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"{what}: ranks are one number for each example; got an array of shape {values.shape}")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"{what}: {bad} of {len(values)} ranks are NaN or infinite; give each example a rank")
    return values.astype(np.float64)


def _select_arrays(path: Path, found: set[str]) -> list[str]:
    """Return the names of the arrays in a sweep's ranking. Raises FileError if the file is not one."""
    ranks = sorted(key for key in found if key.startswith("rank_"))
    if not ranks or not found >= {"index", "y"}:
        raise FileError(
            f"{path} is no ranking of a sweep, which has index, y and rank_<score>; it holds "
            f"{', '.join(sorted(found)) or 'nothing'}"
        )
    return ["index", "y", *ranks]


def _unpack_arrays(arrays: dict[str, np.ndarray], path: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return the ranks by score, the index and the labels of a sweep's ranking."""
    index, y = arrays.pop("index"), arrays.pop("y")
    ranks = {key.removeprefix("rank_"): _check_ranks(values, f"{path}: {key}") for key, values in arrays.items()}
    uneven = any(array.shape != index.shape for array in (y, *ranks.values()))
    if uneven or not len(index) or index.dtype.kind not in "iu" or len(np.unique(index)) < len(index):
        raise ValueError(f"{path}: index, y and ranks need one entry for each example, and index each position once")
    return ranks, index, y
