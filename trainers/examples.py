"""The training examples on the device: which of them an epoch uses, in what batches, and what is remembered of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.config import Stage
from trainers.data import Data, Split, Splits, augment, pixels
from trainers.pools import mixed_batches
from trainers.state import InstanceState
from trainers.step import Batch
from trainers.subsets import DropUnlearned, Ranking, correct


def batch_sizes(examples: int, batch_size: int, last: str) -> list[int]:
    """The sizes of an epoch's batches: full ones, then what is left, or joined with it where that is less than half."""
    full, left = divmod(examples, batch_size)
    sizes = [batch_size] * full + [left] * (left > 0)
    if last == "join" and full and 0 < 2 * left < batch_size:
        sizes[-2:] = [batch_size + left]
    return sizes


def alone(stage: Stage, model: str) -> str:
    """Why an epoch cannot be trained: a batch of one example, and BatchNorm on maps of 1x1."""
    left = "the last batch has" if stage.batch_size > 1 else "each batch has"
    how = "write `last_batch: join`, or take another batch_size" if stage.batch_size > 2 else "take a larger batch_size"
    return (
        f"batch_size: with {stage.batch_size}, {left} one example, and the BatchNorm of model {model} needs two, as it "
        f"sees maps of one pixel; {how}"
    )


class Examples:
    """Rows 0..N-1 are the training split; those of a pool of extra data come after."""

    def __init__(
        self, data: Data, splits: Splits, ranking: Ranking | None, device: torch.device, layout: torch.memory_format
    ) -> None:
        self.n, self.ranking, self.splits, self.layout = len(data.train), ranking, splits, layout
        self.labels = data.train.y.numpy()
        parts = [data.train] if data.extra is None else [data.train, data.extra]
        self.x, self.y = (torch.cat(each).to(device) for each in zip(*((p.x, p.y) for p in parts), strict=True))
        self.state = InstanceState(len(self.x), device)
        self.spared: Tensor | None = None  # (N,) bool, of the epoch under way

    def __len__(self) -> int:
        return len(self.x)

    @property
    def own(self) -> Split:
        """Those of the training split, as they are, with the labels that they are trained on."""
        return Split(self.x[: self.n], self.y[: self.n])

    def selected(self, stage: Stage) -> Tensor:
        """The positions of the training examples that a stage uses, ascending."""
        mask = stage.subset.select(self.labels, self.ranking, stage.seed)
        if isinstance(stage.subset, DropUnlearned) and stage.subset.instead == "nothing":
            mask &= ~stage.subset.judged(self.state)[: self.n]
            if not mask.any():
                raise ValueError(
                    f"subset.epoch: no example was learned before epoch {stage.epoch}, so none would be left; "
                    "judge later, or take instead: clean"
                )
        return torch.from_numpy(np.flatnonzero(mask))

    def batches(self, stage: Stage, active: Tensor, rng: Generator) -> list[Tensor]:
        """The epoch's batches, rows each."""
        self.spared = None
        if isinstance(stage.subset, DropUnlearned) and stage.subset.instead == "clean":
            self.spared = torch.from_numpy(stage.subset.judged(self.state)).to(self.x.device)
        pool = len(self) - self.n
        if self.splits.extra is not None:
            mixed = mixed_batches(active, self.n, pool, self.splits.extra, stage.batch_size, rng)
            return [rows.to(self.x.device) for rows in mixed]
        order = torch.randperm(len(active), generator=rng)
        sizes = batch_sizes(len(active), stage.batch_size, stage.last_batch)
        return list(active[order].to(self.x.device).split(sizes))

    def batch(self, rows: Tensor, rng: Generator) -> Batch:
        x, view = augment(self.x[rows], self.splits, rng)
        spared = None if self.spared is None else self.spared[rows]
        x = pixels(x).contiguous(memory_format=self.layout)
        return Batch(x, self.y[rows], rows, view, self.state, spared)

    def learned(self, rows: Tensor, right: Tensor) -> None:
        """Remember who was right under attack."""
        correct(self.state)[rows] = right
