"""Extra training data: a pool beside the training set, and batches that are mixed of both.

The pool brings labels of its own, perhaps those that another network gave it (pseudo-labels).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from trainers.fetch import fetched
from trainers.files import read_npz, user_path
from trainers.images import DataError, Labelled, about, labelled
from trainers.knobs import Knobs, Real


class Pool(Knobs):
    """How a pool is mixed into training.

    epoch_of "extra": an epoch is one pass over the pool, as in the fine-tuning of Liu et al. 2021 (sec. 6.2); "train":
    it has as many batches as without the pool, and so costs as much, as in Carmon et al. 2019, arXiv:1905.13736 (code),
    where 196 batches of 128 + 128 are an epoch of 50000 + 500000 images. Only part of the training set is then in it.
    """

    share: Annotated[Real, Field(gt=0, lt=1)] = 0.5  # of each batch
    epoch_of: Literal["extra", "train"] = "extra"

    def load(self, shape: tuple[int, ...], classes: int, download: bool = True) -> Labelled | None:
        """The arrays of the pool, or None if it is cut from the data set itself.

        Raises DataError if they cannot be had, or do not go with images of this shape and with so many classes.
        """
        pool = self._own(download)
        if pool is not None and pool.x.shape[1:] != shape:
            raise DataError(f"has images of {pool.x.shape[1:]}, the data set of {shape}; make them equal")
        if pool is not None and pool.y.max() >= classes:
            raise DataError(f"has label {pool.y.max()}; the data set has 0..{classes - 1} only: number them as it does")
        return pool

    def _own(self, download: bool) -> Labelled | None:
        return None

    def parts(self, batch_size: int) -> tuple[int, int]:
        """How many training and how many extra examples a batch holds. Raises ValueError if one of them is none."""
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

    def _own(self, download: bool) -> Labelled:
        with about("path"):
            arrays = read_npz(user_path(self.path), self._wanted)
        x, y = arrays
        return labelled(self.path, (x, y), arrays[x], arrays[y])

    @staticmethod
    def _wanted(found: set[str]) -> tuple[str, str]:
        return ("x_train", "y_train") if found & {"x_train", "y_train"} else ("x", "y")


class SVHNExtra(Pool):
    """The 531131 easier digits published beside the training set of SVHN (Netzer 2011)."""

    name: Literal["svhn"] = "svhn"
    root: str = "data"

    def _own(self, download: bool) -> Labelled:
        part = fetched("SVHN", self.root, download, split="extra")
        return labelled("SVHN", ("data", "labels"), part.data, part.labels)


class Rest(Pool):
    """The training examples that the limit `train` leaves out: any data set can be its own pool."""

    name: Literal["rest"] = "rest"


Extra = Annotated[Archive | SVHNExtra | Rest, Field(discriminator="name")]


def mixed_batches(
    active: Tensor, n_train: int, n_extra: int, extra: Pool, batch_size: int, rng: Generator
) -> list[Tensor]:
    """The batches of an epoch as positions in [train | extra], the training examples of each first.

    `active` (n,) are the training examples in use; example j of the pool is n_train + j. The side that is not passed
    over begins anew, in a new order, whenever it runs out. A last batch that is not full keeps the ratio.
    """
    n, m = extra.parts(batch_size)
    if extra.epoch_of == "extra":
        theirs = _filled(n_extra, m)
        ours = [max(1, round(size * n / m)) for size in theirs]
    else:
        sizes = _filled(len(active), batch_size)
        theirs = [max(1, round(size * m / batch_size)) for size in sizes]
        ours = [max(1, size - other) for size, other in zip(sizes, theirs, strict=True)]
    train = active[_orders(len(active), sum(ours), rng)].split(ours)
    pool = (n_train + _orders(n_extra, sum(theirs), rng)).split(theirs)
    return [torch.cat(pair) for pair in zip(train, pool, strict=True)]


def _filled(total: int, size: int) -> list[int]:
    full, left = divmod(total, size)
    return [size] * full + [left] * (left > 0)


def _orders(n: int, wanted: int, rng: Generator) -> Tensor:
    """`wanted` positions below n: one random order after another."""
    return torch.cat([torch.randperm(n, generator=rng) for _ in range(-(-wanted // n))])[:wanted]
