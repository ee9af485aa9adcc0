"""The training examples on the device: selection, batches and per-example state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.config import Stage
from trainers.data import Data, Split, Splits, augment, to_pixels
from trainers.plain_subsets import Ranking
from trainers.pools import mix_batches
from trainers.ranked_subsets import Ranked
from trainers.scores import rank_recorded
from trainers.state import InstanceState
from trainers.step import Batch
from trainers.subsets import DropUnlearned, correct_column

CHOSEN = "chosen"  # column of the instance state: in the subset that the training has chosen itself
Recall = Callable[[], Mapping[str, np.ndarray]]  # returns the records of the epochs so far, (T, N) each


def compute_batch_sizes(examples: int, batch_size: int, last: str) -> list[int]:
    """Return the sizes of an epoch's batches: full ones, then the remainder.

    With last "join" a remainder of less than half a batch is joined with the last full batch.
    """
    full, left = divmod(examples, batch_size)
    sizes = [batch_size] * full + [left] * (left > 0)
    if last == "join" and full and 0 < 2 * left < batch_size:
        sizes[-2:] = [batch_size + left]
    return sizes


def explain_single_example(stage: Stage, model: str) -> str:
    """Return the message for a batch of one example whose BatchNorm sees maps of 1x1, which cannot be trained on."""
    left = "the last batch has" if stage.batch_size > 1 else "each batch has"
    how = "write `last_batch: join`, or take another batch_size" if stage.batch_size > 2 else "take a larger batch_size"
    return (
        f"batch_size: with {stage.batch_size}, {left} one example, and the BatchNorm of model {model} needs two, as it "
        f"sees maps of one pixel; {how}"
    )


class Examples:
    """The training split and pool of a trial on its device, with the state of each example.

    Rows 0..N-1 are the training split; the rows of a pool of extra data follow.
    """

    def __init__(
        self, data: Data, splits: Splits, ranking: Ranking | None, device: torch.device, layout: torch.memory_format
    ) -> None:
        self.n, self.ranking, self.splits, self.layout = len(data.train), ranking, splits, layout
        self.labels = data.train.y.numpy()
        parts = [data.train] if data.extra is None else [data.train, data.extra]
        self.x = torch.cat([split.x for split in parts]).to(device)
        self.y = torch.cat([split.y for split in parts]).to(device)
        self.state = InstanceState(len(self.x), device)
        self.kept_clean: Tensor | None = None  # (N,) bool: trained on without attack in this epoch; None: no example

    def __len__(self) -> int:
        return len(self.x)

    @property
    def training_split(self) -> Split:
        """The training split without augmentation, with the labels that it is trained on."""
        return Split(self.x[: self.n], self.y[: self.n])

    def select(self, stage: Stage, recall: Recall | None = None) -> Tensor:
        """Return the positions of the training examples that a stage uses, ascending.

        A subset that the training ranks itself is chosen by what `recall` returns, once. Raises ValueError if no
        example is left, or such a subset cannot be chosen.
        """
        if isinstance(stage.subset, Ranked) and stage.subset.by == "self":
            mask = self._choose(stage.subset, stage.seed, recall)
        else:
            mask = stage.subset.select(self.labels, self.ranking, stage.seed)
        if isinstance(stage.subset, DropUnlearned) and stage.subset.instead == "nothing":
            mask &= ~stage.subset.judge(self.state)[: self.n]
            if not mask.any():
                raise ValueError(
                    f"subset.epoch: no example was learned before epoch {stage.epoch}, so none would be left; "
                    "judge later, or take instead: clean"
                )
        return torch.from_numpy(np.flatnonzero(mask))

    def _choose(self, subset: Ranked, seed: int, recall: Recall | None) -> np.ndarray:
        """Return the subset that the training itself has chosen, (N,) bool; its first stage chooses."""
        if CHOSEN not in self.state.columns:
            if subset.start is None or recall is None:
                raise ValueError("subset by: self is chosen by the records of the epochs before, and none are here")
            window = None if subset.window is None else int(subset.window)  # a number, within a stage
            ranking = rank_recorded(recall(), subset.ranks_by, window)
            chosen = torch.zeros(len(self), dtype=torch.bool)
            chosen[: self.n] = torch.from_numpy(subset.select(self.labels, ranking, seed))
            self.state.columns[CHOSEN] = chosen.to(self.x.device)
        return self.state.columns[CHOSEN][: self.n].cpu().numpy()

    def draw_batches(self, stage: Stage, active: Tensor, rng: Generator) -> list[Tensor]:
        """Draw the batches of an epoch, each a tensor of row numbers, from the active training examples."""
        self.kept_clean = None
        if isinstance(stage.subset, DropUnlearned) and stage.subset.instead == "clean":
            self.kept_clean = torch.from_numpy(stage.subset.judge(self.state)).to(self.x.device)
        pool = len(self) - self.n
        if self.splits.extra is not None:
            mixed = mix_batches(active, self.n, pool, self.splits.extra, stage.batch_size, rng)
            return list(torch.cat(mixed).to(self.x.device).split([len(rows) for rows in mixed]))
        order = torch.randperm(len(active), generator=rng)
        sizes = compute_batch_sizes(len(active), stage.batch_size, stage.last_batch)
        return list(active[order].to(self.x.device).split(sizes))

    def load_batch(self, rows: Tensor, rng: Generator) -> Batch:
        """Return the augmented batch of these rows."""
        x, view = augment(self.x[rows], self.splits, rng)
        spared = None if self.kept_clean is None else self.kept_clean[rows]
        x = to_pixels(x).contiguous(memory_format=self.layout)
        return Batch(x, self.y[rows], rows, view, self.state, spared)

    def record_correct(self, visited: Tensor, right: Tensor) -> None:
        """Store which of the examples visited in an epoch were classified correctly under attack, both (N,) bool."""
        column = correct_column(self.state)
        column.copy_(torch.where(visited, right, column))
