"""Data: from a source's arrays to the splits of a trial, and batches cropped and flipped on the device.

A trial's splits (hold-out, label noise) are drawn from a source by seeds of their own, so that every trial of a
study with the same `data` block sees the same examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator, Field, NonNegativeInt
from torch import Generator, Tensor

from trainers.arrays import Source, of_classes
from trainers.corruptions import Corruptions
from trainers.knobs import Share, Size, SizeOrNone, count, is_none
from trainers.pools import Extra, Pool, Rest
from trainers.record_io import Row, digest
from trainers.views import Augmentation, View, pad


def _distinct(classes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(classes)) < max(2, len(classes)):
        raise ValueError(f"at least two classes, each of them once; got {list(classes)}")
    return classes


Classes = Annotated[tuple[NonNegativeInt, ...], Field(strict=False), AfterValidator(_distinct)]


class Splits(Augmentation):
    """How a source is split and disturbed; every data block has these knobs beside those of its source."""

    classes: Classes | None = None  # only these, relabelled 0.. in this order
    train: Size | None = None  # at most so many training examples; None: all that the hold-out leaves
    val: SizeOrNone = "10%"  # 0: none, so that all examples are trained on and nothing can be selected
    test: Size | None = None  # only where the source has no test set of its own
    split_seed: NonNegativeInt = 0
    label_noise: Share = 0.0  # training labels flipped to another class; validation and test stay clean
    noise_seed: NonNegativeInt = 0
    extra: Extra | None = None  # a pool of further training examples; noise and statistics are the training split's
    corruptions: Corruptions | None = None  # further test sets

    @property
    def holds_out(self) -> bool:
        """Whether there is a validation split."""
        return not is_none(self.val)

    def beside(self) -> Row:
        """What names the arrays that are loaded beside the data set's own; nothing if there are none."""
        named: Row = {}
        if self.extra is not None and not isinstance(self.extra, Rest):
            named["extra"] = self.extra.model_dump(mode="json", exclude=set(Pool.model_fields))
        if self.corruptions is not None:
            named["corruptions"] = self.corruptions.model_dump(mode="json")
        return named


@dataclass(frozen=True)
class Split:
    x: Tensor  # (N, channels, H, W) uint8
    y: Tensor  # (N,) int64

    def to(self, device: torch.device) -> Split:
        return Split(self.x.to(device), self.y.to(device))

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Data:
    """What a trial trains and is measured on."""

    train: Split
    val: Split  # empty without a hold-out
    test: Split
    y_clean: np.ndarray  # (N,) training labels before the noise
    index: np.ndarray  # (N,) position of each training example in the source
    classes: int
    mean: tuple[float, ...]  # per channel, of the training split
    std: tuple[float, ...]
    extra: Split | None = None
    corrupted: Mapping[str, Split] = field(default_factory=dict)  # the test split under each corruption
    names: tuple[str, ...] = ()  # of the classes, where the data set has them

    @property
    def flipped(self) -> np.ndarray:
        """(N,) bool: whose label the noise changed."""
        flipped: np.ndarray = self.y_clean != self.train.y.cpu().numpy()
        return flipped


def split_identity(source: str, splits: Splits) -> str:
    """The name of what `prepare` makes of a source: equal names, equal splits and augmentation.

    `source` is its fingerprint: where the arrays were read from is no part of the name.
    """
    knobs = splits.model_dump(
        include=set(Splits.model_fields),
        exclude={"extra": {"path", "root"}, "corruptions": True},  # the fingerprint has their bytes
    )
    return digest({"source": source, "splits": knobs})


def prepare(source: Source, splits: Splits) -> Data:
    """Split (test first if the source has none, then validation, then the training limit), then flip labels.

    Raises ValueError if a knob asks for more than there is, or the crop for more than a reflection holds.
    """
    splits.check_sides(*source.x_train.shape[1:3])
    kept = np.arange(len(source.y_train))
    if splits.classes is not None:
        source, kept = of_classes(source, splits.classes)
    rng = np.random.default_rng([splits.split_seed, 0x5B117])
    y, rest = source.y_train, np.arange(len(source.y_train))
    if len(source.y_test):
        if splits.test is not None:
            raise ValueError("data.test: this source has a test set of its own; remove the key")
        x_test, y_test = source.x_test, source.y_test
    else:
        if splits.test is None:
            raise ValueError("data.test: this source has no test set of its own; set some apart, such as '20%'")
        test, rest = stratified(y, rest, count(splits.test, len(rest), "data.test"), rng)
        x_test, y_test = source.x_train[test], y[test]
    n_val = count(splits.val, len(y), "data.val") if splits.holds_out else 0
    if n_val >= len(rest):
        raise ValueError(
            f"data.val: asked for {splits.val}, that is {n_val} of the {len(rest)} examples that are left beside "
            "the test split; at least one must remain to train on"
        )
    held, rest = stratified(y, rest, n_val, rng)
    spare = rest[:0]
    if splits.train is not None:
        rest, spare = stratified(y, rest, count(splits.train, len(rest), "data.train"), rng)
    x, y_clean = source.x_train[rest], y[rest]
    mean, std = mean_std(x)
    return Data(
        train=_split(x, flip_labels(y_clean, splits.label_noise, source.classes, splits.noise_seed)),
        val=_split(source.x_train[held], y[held]),
        test=_split(x_test, y_test),
        y_clean=y_clean,
        index=kept[rest],
        classes=source.classes,
        mean=tuple(mean.tolist()),
        std=tuple(std.clip(1e-3).tolist()),
        extra=_pool(source, spare, splits.extra),
        corrupted=_corrupted(source, y_test, splits.corruptions),
        names=source.names,
    )


def _pool(source: Source, spare: np.ndarray, extra: Extra | None) -> Split | None:
    if extra is None:
        return None
    if not isinstance(extra, Rest):
        if source.extra is None:
            raise ValueError("data.extra: the source was loaded without this pool; load it by the same data block")
        return _split(*source.extra)
    if not len(spare):
        raise ValueError(
            "data.extra: rest are the training examples that data.train leaves out, and it leaves out none; "
            "set data.train to fewer, or name another pool"
        )
    return _split(source.x_train[spare], source.y_train[spare])


def _corrupted(source: Source, y_test: np.ndarray, corruptions: Corruptions | None) -> dict[str, Split]:
    if corruptions is None:
        return {}
    if not source.corrupted:
        raise ValueError("data.corruptions: the source was loaded without them; load it by the same data block")
    return {name: _split(x, y_test) for name, x in source.corrupted.items()}


def stratified(y: np.ndarray, among: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of the positions `among`, each class in proportion (largest remainders), and the rest; both ascending."""
    labels, sizes = np.unique(y[among], return_counts=True)
    exact = sizes * n / len(among)
    quota = np.floor(exact).astype(int)
    for extra in np.argsort(quota - exact, kind="stable")[: n - quota.sum()]:
        quota[extra] += 1
    taken = [rng.permutation(among[y[among] == label])[:q] for label, q in zip(labels, quota, strict=True)]
    chosen = np.sort(np.concatenate(taken))
    return chosen, np.setdiff1d(among, chosen)


def mean_std(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the pixels in [0, 1] per channel, (N, H, W, channels) uint8 -> two of (channels,).

    From the counts of the 256 values: the pixels themselves as floats would fill gigabytes.
    """
    counts = np.zeros((x.shape[-1], 256))
    for few in np.array_split(x, -(-len(x) // 1024)):
        counts += [np.bincount(few[..., c].ravel(), minlength=256) for c in range(x.shape[-1])]
    shares = counts / counts.sum(1, keepdims=True)
    values = np.arange(256) / 255
    mean = (shares * values).sum(1)
    return mean, np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))


def flip_labels(y: np.ndarray, share: float, classes: int, seed: int) -> np.ndarray:
    """Exactly round(share * N) labels moved to another class, uniformly, (N,) -> (N,)."""
    rng = np.random.default_rng([seed, 0xF11B])
    noisy = y.copy()
    chosen = rng.permutation(len(y))[: round(share * len(y))]
    noisy[chosen] = (y[chosen] + rng.integers(1, classes, len(chosen))) % classes
    return noisy


def _split(x: np.ndarray, y: np.ndarray) -> Split:
    channels_first = np.moveaxis(x, -1, 1).copy(order="C")  # always a copy: shared arrays are read-only
    return Split(torch.from_numpy(channels_first), torch.from_numpy(y.astype(np.int64)))


def pixels(x: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]."""
    return x.float().div_(255)


def augment(x: Tensor, augmentation: Augmentation, rng: Generator) -> tuple[Tensor, View]:
    """Random crop and mirror of a uint8 batch where it lies, (B, channels, H, W) -> the same, and how it was cut."""
    view = View.draw(len(x), augmentation, rng, x.device)
    return view.cut(pad(x, augmentation.crop, augmentation.padding)), view
