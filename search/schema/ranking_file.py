"""Rankings that others made: files of ranks, read when the sweep is planned and checked to fit its data."""

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
from trainers.scores import normalized_rank
from trainers.subsets import ScoreName

OF_TRAININGS = ("seeds", "trial", "follows", "first_epoch", "average")


class RankingFile(Knobs):
    """The ranking from a file instead of trainings; a relative path starts at the current folder.

    .npy: one rank or score for each example of the source's training set, in its order and before any hold-out, as
    Dong et al. 2021 publish theirs (prob_rank.npy, 50,000 of CIFAR-10, 0 the friendliest).
    .npz: profile/<ranking>.npz of another sweep; it names its scores, and its examples by their index and label.
    """

    file: str
    score: ScoreName = "instability"  # what an .npy ranks by
    order: Literal["friendly_first", "problematic_first"] = "friendly_first"  # what the lowest number of an .npy is

    @model_validator(mode="before")
    @classmethod
    def _not_both(cls, value: Any) -> Any:
        both = [key for key in OF_TRAININGS if isinstance(value, dict) and key in value]
        if both:
            raise ValueError(
                f"a ranking comes from a file or from trainings; remove `file`, or {', '.join(both)} (a null takes "
                "out what another file of the space says)"
            )
        return value

    def read(self) -> RankFile:
        """The file's ranks. Raises ValueError if it cannot be read or holds no ranks."""
        path = expand_path(self.file)
        check_file(path)
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if not is_zipfile(path):
            ranks = _checked(read_npy(path), str(path))
            if not len(ranks) or ranks.min() == ranks.max():
                raise ValueError(f"{path}: its {len(ranks)} ranks are all equal, which orders nothing")
            return RankFile(self, digest, {self.score: ranks if self.order == "friendly_first" else -ranks}, None, None)
        vain = sorted(self.model_fields_set - {"file"})
        if vain:
            raise ValueError(f"{path} is an .npz, which says itself what its ranks mean; remove {' and '.join(vain)}")
        return RankFile(self, digest, *_unpacked(read_npz(path, partial(_wanted, path)), path))


@dataclass(frozen=True)
class RankFile:
    """What a file says of examples: ranks whose lowest is the friendliest, (M,) each, by score."""

    knobs: RankingFile
    sha256: str  # of the file
    ranks: dict[str, np.ndarray]
    index: np.ndarray | None  # (M,) positions in the source's training set; None: all of it, in order
    y: np.ndarray | None  # (M,) the labels that the ranking was made with, if the file has them

    def fitted(self, data: Data, examples: int) -> dict[str, np.ndarray]:
        """rank_<score> of a training split, (N,) each; `examples` is the size of the source's training set.

        Ranked anew among those that the hold-out leaves. Raises ValueError if the file ranks another data set.
        """
        place = self._whole(data, examples) if self.index is None else self._found(self.index, data)
        return {f"rank_{score}": normalized_rank(ranks[place]) for score, ranks in self.ranks.items()}

    def _whole(self, data: Data, examples: int) -> np.ndarray:
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

    def _found(self, index: np.ndarray, data: Data) -> np.ndarray:
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


def _checked(values: np.ndarray, what: str) -> np.ndarray:
    """Ranks as float64, (M,)."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{what}: ranks are numbers; got an array of {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"{what}: ranks are one number for each example; got an array of shape {values.shape}")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"{what}: {bad} of {len(values)} ranks are NaN or infinite; give each example a rank")
    return values.astype(np.float64)


def _wanted(path: Path, found: set[str]) -> list[str]:
    """The arrays of a sweep's ranking. Raises FileError if it is none."""
    ranks = sorted(key for key in found if key.startswith("rank_"))
    if not ranks or not found >= {"index", "y"}:
        raise FileError(
            f"{path} is no ranking of a sweep, which has index, y and rank_<score>; it holds "
            f"{', '.join(sorted(found)) or 'nothing'}"
        )
    return ["index", "y", *ranks]


def _unpacked(arrays: dict[str, np.ndarray], path: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Ranks by score, index and labels of a sweep's ranking."""
    index, y = arrays.pop("index"), arrays.pop("y")
    ranks = {key.removeprefix("rank_"): _checked(values, f"{path}: {key}") for key, values in arrays.items()}
    uneven = any(array.shape != index.shape for array in (y, *ranks.values()))
    if uneven or not len(index) or index.dtype.kind not in "iu" or len(np.unique(index)) < len(index):
        raise ValueError(f"{path}: index, y and ranks need one entry for each example, and index each position once")
    return ranks, index, y
