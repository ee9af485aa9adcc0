"""Extra training data: a pool beside the training set, and batches that mix both.

The pool has labels of its own, perhaps assigned by another network (pseudo-labels).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from trainers.fetch import load_torchvision
from trainers.files import expand_path, read_npz
from trainers.images import DataError, LabelledImages, check_labelled, prefix_errors
from trainers.knobs import Knobs, Real


class Pool(Knobs):
    """The base of all pools: how a pool is mixed into training.

    epoch_of "extra": an epoch is one pass over the pool, as in the fine-tuning of Liu et al. 2021 (sec. 6.2). "train":
    an epoch has as many batches as without the pool, and costs as much, as in Carmon et al. 2019, arXiv:1905.13736
    (code), where 196 batches of 128 + 128 are an epoch of 50000 + 500000 images; it then uses only part of the training
    set.
    """

    share: Annotated[Real, Field(gt=0, lt=1)] = 0.5  # fraction of each batch that comes from the pool
    epoch_of: Literal["extra", "train"] = "extra"

    def load(self, shape: tuple[int, ...], classes: int, download: bool = True) -> LabelledImages | None:
        """Return the arrays of the pool, or None if it is cut from the data set itself.

        Raises DataError if they cannot be loaded, or do not fit images of this shape, (H, W, channels), and the number
        of classes.
        """
        pool = self._load(download)
        if pool is not None and pool.x.shape[1:] != shape:
            raise DataError(f"has images of {pool.x.shape[1:]}, the data set of {shape}; make them equal")
        if pool is not None and pool.y.max() >= classes:
            raise DataError(f"has label {pool.y.max()}; the data set has 0..{classes - 1} only: number them as it does")
        return pool

    def _load(self, download: bool) -> LabelledImages | None:
        return None

    def split_batch(self, batch_size: int) -> tuple[int, int]:
        """Return the numbers of training and of extra examples in a batch. Raises ValueError if one of them is 0."""
        extra = round(batch_size * self.share)
        if not 0 < extra < batch_size:
            raise ValueError(
                f"data.extra.share: got {self.share}, that is {extra} examples of a batch of {batch_size}; a batch "
                f"holds at least one of either kind: ask for 1/{batch_size} to {batch_size - 1}/{batch_size}"
            )
        return batch_size - extra, extra


class Archive(Pool):
    """An .npz with x and y, or x_train and y_train, such as 500000 pseudo-labelled images of 80 Million Tiny Images."""

    name: Literal["npz"] = "npz"
    path: str

    def _load(self, download: bool) -> LabelledImages:
        with prefix_errors("path"):
            arrays = read_npz(expand_path(self.path), self._wanted)
        x, y = arrays
        return check_labelled(self.path, (x, y), arrays[x], arrays[y])

    @staticmethod
    def _wanted(found: set[str]) -> tuple[str, str]:
        return ("x_train", "y_train") if found & {"x_train", "y_train"} else ("x", "y")


class SVHNExtra(Pool):
    """The 531131 easier digits that were published beside the training set of SVHN (Netzer 2011)."""

    name: Literal["svhn"] = "svhn"
    root: str = "data"

    def _load(self, download: bool) -> LabelledImages:
        part = load_torchvision("SVHN", self.root, download, split="extra")
        return check_labelled("SVHN", ("data", "labels"), part.data, part.labels)


class Rest(Pool):
    """The training examples that the limit `train` leaves out; with it any data set can be its own pool."""

    name: Literal["rest"] = "rest"


Extra = Annotated[Archive | SVHNExtra | Rest, Field(discriminator="name")]


def mix_batches(
    active: Tensor, n_train: int, n_extra: int, extra: Pool, batch_size: int, rng: Generator
) -> list[Tensor]:
    """Draw the batches of an epoch as positions in [train | extra], the training examples of each batch first.

    `active` (n,) are the training examples in use; example j of the pool has position n_train + j. epoch_of says which
    side is passed over once; the other side begins anew, in a new order, whenever it runs out. A last batch that is not
    full keeps the ratio.
    """
    n, m = extra.split_batch(batch_size)
    if extra.epoch_of == "extra":
        of_pool = _batch_sizes(n_extra, m)
        of_train = [max(1, round(size * n / m)) for size in of_pool]
    else:
        sizes = _batch_sizes(len(active), batch_size)
        of_pool = [max(1, round(size * m / batch_size)) for size in sizes]
        of_train = [max(1, size - taken) for size, taken in zip(sizes, of_pool, strict=True)]
    train = active[_orders(len(active), sum(of_train), rng)].split(of_train)
    pool = (n_train + _orders(n_extra, sum(of_pool), rng)).split(of_pool)
    return [torch.cat(pair) for pair in zip(train, pool, strict=True)]


def _batch_sizes(total: int, size: int) -> list[int]:
    """Return full batches, then one of the remainder if there is any."""
    full, left = divmod(total, size)
    return [size] * full + [left] * (left > 0)


def _orders(n: int, wanted: int, rng: Generator) -> Tensor:
    """Draw `wanted` positions below n: one random order after another."""
    return torch.cat([torch.randperm(n, generator=rng) for _ in range(-(-wanted // n))])[:wanted]
