"""Data: the splits of a trial, made from a source's arrays, and batches cropped and flipped on the device.

Separate seeds draw a trial's splits (hold-out, label noise), so that all trials of a study with the same `data` block
see the same examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator, Field, NonNegativeInt
from torch import Generator, Tensor

from trainers.arrays import Source, select_classes
from trainers.augmentation import Augmentation, View, pad_images
from trainers.corruptions import Corruptions
from trainers.knobs import Share, Size, SizeOrNone, count, is_none
from trainers.pools import Extra, Pool, Rest
from trainers.record_io import Row, digest


def _distinct(classes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(classes)) < max(2, len(classes)):
        raise ValueError(f"at least two classes, each of them once; got {list(classes)}")
    return classes


Classes = Annotated[tuple[NonNegativeInt, ...], Field(strict=False), AfterValidator(_distinct)]


class Splits(Augmentation):
    """The knobs of splitting and augmentation; every data block has them beside those of its source."""

    classes: Classes | None = None  # only these, relabelled 0.. in this order
    train: Size | None = None  # size of the training split; None: all that the hold-out leaves
    val: SizeOrNone = "10%"  # 0: no validation split; all examples are trained on and no checkpoint can be selected
    test: Size | None = None  # only for a source without a test set of its own
    split_seed: NonNegativeInt = 0
    label_noise: Share = 0.0  # training labels flipped to another class; validation and test stay clean
    noise_seed: NonNegativeInt = 0
    extra: Extra | None = None  # a pool of further training examples, without label noise; it enters no mean or std
    corruptions: Corruptions | None = None  # further test sets

    @property
    def holds_out(self) -> bool:
        """Return whether a validation split is held out."""
        return not is_none(self.val)

    def identify_extras(self) -> Row:
        """Return the blocks that name arrays loaded beside the data set's own: `extra` and `corruptions`, if set."""
        named: Row = {}
        if self.extra is not None and not isinstance(self.extra, Rest):
            named["extra"] = self.extra.model_dump(mode="json", exclude=set(Pool.model_fields))
        if self.corruptions is not None:
            named["corruptions"] = self.corruptions.model_dump(mode="json")
        return named


@dataclass(frozen=True)
class Split:
    """Images and labels of one split."""

    x: Tensor  # (N, channels, H, W) uint8
    y: Tensor  # (N,) int64

    def to(self, device: torch.device) -> Split:
        """Return the split on a device."""
        return Split(self.x.to(device), self.y.to(device))

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Data:
    """The splits that a trial trains and is measured on."""

    train: Split
    val: Split  # empty if nothing is held out
    test: Split
    y_clean: np.ndarray  # (N,) training labels before the noise
    index: np.ndarray  # (N,) position of each training example in the source
    classes: int
    mean: tuple[float, ...]  # of the training split, per channel, in pixels of [0, 1]
    std: tuple[float, ...]
    extra: Split | None = None
    corrupted: Mapping[str, Split] = field(default_factory=dict)  # the test split under each corruption
    names: tuple[str, ...] = ()  # class names; empty if the data set has none

    @property
    def flipped(self) -> np.ndarray:
        """Mask of the training examples whose label the noise changed, (N,) bool."""
        flipped: np.ndarray = self.y_clean != self.train.y.cpu().numpy()
        return flipped


def identify_splits(source: str, splits: Splits) -> str:
    """Return an id of the splits that `prepare_data` makes: equal ids mean equal splits and augmentation.

    `source` is the source's fingerprint, so that the id does not depend on where the arrays were read from.
    """
    knobs = splits.model_dump(
        include=set(Splits.model_fields),
        exclude={"extra": {"path", "root"}, "corruptions": True},  # the fingerprint covers their contents
    )
    return digest({"source": source, "splits": knobs})


def prepare_data(source: Source, splits: Splits) -> Data:
    """Split a source (test first if it has no test set, then validation, then the training limit), then flip labels.

    Raises ValueError if a knob asks for more examples than there are, or the crop for more pixels than reflect padding
    allows.
    """
    splits.check_sides(*source.x_train.shape[1:3])
    kept = np.arange(len(source.y_train))
    if splits.classes is not None:
        source, kept = select_classes(source, splits.classes)
    rng = np.random.default_rng([splits.split_seed, 0x5B117])
    y, rest = source.y_train, np.arange(len(source.y_train))
    if len(source.y_test):
        if splits.test is not None:
            raise ValueError("data.test: this source has a test set of its own; remove the key")
        x_test, y_test = source.x_test, source.y_test
    else:
        if splits.test is None:
            raise ValueError("data.test: this source has no test set of its own; set some apart, such as '20%'")
        test, rest = draw_stratified(y, rest, count(splits.test, len(rest), "data.test"), rng)
        x_test, y_test = source.x_train[test], y[test]
    n_val = count(splits.val, len(y), "data.val") if splits.holds_out else 0
    if n_val >= len(rest):
        raise ValueError(
            f"data.val: asked for {splits.val}, that is {n_val} of the {len(rest)} examples that are left beside "
            "the test split; at least one must remain to train on"
        )
    held, rest = draw_stratified(y, rest, n_val, rng)
    spare = rest[:0]
    if splits.train is not None:
        rest, spare = draw_stratified(y, rest, count(splits.train, len(rest), "data.train"), rng)
    x, y_clean = source.x_train[rest], y[rest]
    mean, std = compute_mean_std(x)
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


def draw_stratified(
    y: np.ndarray, among: np.ndarray, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw n of the positions `among`, each class in proportion (largest remainders); return them and the others.

    `y` (N,) are the labels of all positions. Both results are ascending.
    """
    labels, sizes = np.unique(y[among], return_counts=True)
    exact = sizes * n / len(among)
    quota = np.floor(exact).astype(int)
    for extra in np.argsort(quota - exact, kind="stable")[: n - quota.sum()]:
        quota[extra] += 1
    taken = [rng.permutation(among[y[among] == label])[:q] for label, q in zip(labels, quota, strict=True)]
    chosen = np.sort(np.concatenate(taken))
    return chosen, np.setdiff1d(among, chosen)


def compute_mean_std(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and std of the pixels in [0, 1] per channel, (N, H, W, channels) uint8 -> two of (channels,).

    They are computed from the counts of the 256 values, as the pixels as floats would fill gigabytes.
    """
    counts = np.zeros((x.shape[-1], 256))
    for few in np.array_split(x, -(-len(x) // 1024)):
        counts += [np.bincount(few[..., c].ravel(), minlength=256) for c in range(x.shape[-1])]
    shares = counts / counts.sum(1, keepdims=True)
    values = np.arange(256) / 255
    mean = (shares * values).sum(1)
    return mean, np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))


def flip_labels(y: np.ndarray, share: float, classes: int, seed: int) -> np.ndarray:
    """Move exactly round(share * N) labels to another class, drawn uniformly, (N,) -> (N,)."""
    rng = np.random.default_rng([seed, 0xF11B])
    noisy = y.copy()
    chosen = rng.permutation(len(y))[: round(share * len(y))]
    noisy[chosen] = (y[chosen] + rng.integers(1, classes, len(chosen))) % classes
    return noisy


def _split(x: np.ndarray, y: np.ndarray) -> Split:
    channels_first = np.moveaxis(x, -1, 1).copy(order="C")  # always a copy, since shared arrays are read-only
    return Split(torch.from_numpy(channels_first), torch.from_numpy(y.astype(np.int64)))


def to_pixels(x: Tensor) -> Tensor:
    """Convert uint8 values 0..255 to float32 pixels in [0, 1], of the same shape."""
    return x.float().div_(255)


def augment(x: Tensor, augmentation: Augmentation, rng: Generator) -> tuple[Tensor, View]:
    """Crop and mirror a uint8 batch at random on its device; return it, (B, channels, H, W), and the view drawn."""
    view = View.draw(len(x), augmentation, rng, x.device)
    return view.cut(pad_images(x, augmentation.crop, augmentation.padding)), view
