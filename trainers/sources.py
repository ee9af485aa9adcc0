"""The data sets that a configuration can name: each loads its arrays and has defaults of its own for the splits.

CIFAR: Krizhevsky 2009; SVHN: Netzer 2011; MNIST: LeCun 1998; Fashion-MNIST: Xiao 2017, arXiv:1708.07747. Digits are
neither cropped nor mirrored, as in Rice 2020, arXiv:2002.11569 (the code of Zhang 2021, arXiv:2010.01736, does both
to SVHN). Relative paths start at the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from trainers.arrays import Source
from trainers.data import Splits
from trainers.fetch import fetched
from trainers.files import FileError, read_npz, user_path
from trainers.folders import EXTENSIONS, ImageFiles, list_images, other_folders, read_images
from trainers.images import DataError, about, labelled, listed
from trainers.knobs import Size, SizeOrNone

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "SVHN",
    "DataError",
    "DataSource",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "Npz",
]

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
VALIDATION = ("val", "valid", "validation", "dev")  # as folders and arrays of a validation set are called
HELD_OUT = (
    "and validation is held out of the training set (data.val), which these examples would not join; add them to it, "
    "or keep them elsewhere"
)


class _DataSet(Splits):
    def load(self, download: bool = True) -> Source:
        """The arrays of the data set and of what is named beside it.

        Raises DataError if they cannot be had: NotHere if only a download, which is not wanted, could bring them.
        """
        source = self._own(download)
        if self.extra is not None:
            with about("extra"):
                source = source._replace(extra=self.extra.load(source.x_train.shape[1:], source.classes, download))
        if self.corruptions is not None:
            with about("corruptions"):
                source = source._replace(corrupted=self.corruptions.load(source.x_test, source.y_test))
        return source

    def _own(self, download: bool) -> Source:
        raise NotImplementedError


class Digits(_DataSet):
    """The 1797 digits of 8x8 that come with scikit-learn, 16 grey levels stretched to 0..255."""

    name: Literal["digits"] = "digits"
    val: SizeOrNone = "20%"
    test: Size | None = "60%"

    def _own(self, download: bool) -> Source:
        from sklearn.datasets import load_digits  # late: only these digits need it

        digits = load_digits()
        source = as_source("digits", np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target)
        return source._replace(names=tuple(map(str, digits.target_names)))


class Npz(_DataSet):
    """An .npz with x_train, y_train and perhaps x_test, y_test: uint8 images and integer labels 0..C-1."""

    name: Literal["npz"] = "npz"
    path: str

    def _own(self, download: bool) -> Source:
        with about("path"):
            arrays = read_npz(user_path(self.path), self._wanted)
        return as_source(self.path, **arrays)

    def _wanted(self, found: set[str]) -> tuple[str, ...]:
        if own := sorted(found & {f"{part}_{name}" for part in "xy" for name in VALIDATION}):
            raise FileError(f"{self.path} holds {' and '.join(own)}, {HELD_OUT}")
        return ARRAYS if found & set(ARRAYS[2:]) else ARRAYS[:2]  # half a test set is a slip


class ImageFolder(_DataSet):
    """Image files as <root>/train/<class>/*.png or .jpg, and perhaps <root>/test/<class>/*.

    Each is resized to a square without regard to its proportions. trainers.folders says what is read and refused.
    """

    name: Literal["image_folder"] = "image_folder"
    root: str
    size: PositiveInt
    channels: Literal[1, 3] = 3

    def _own(self, download: bool) -> Source:
        with about("root"):
            root = user_path(self.root)
        others = other_folders(root, ("train", "test"))
        if own := [name for name in others if name.lower() in VALIDATION]:
            raise DataError(f"root: {root} has a folder {own[0]}/, {HELD_OUT}")
        there = ("train", "test") if os.path.lexists(root / "test") else ("train",)
        parts = {part: list_images(root / part) for part in there}
        _check_classes(root, parts)
        arrays = [read_images(found, self.size, self.channels) for found in parts.values()]
        source = as_source(str(root), *(array for pair in arrays for array in pair))
        verb = "is" if len(others) == 1 else "are"
        notes = [f"{root}: {listed(others)} beside train and test {verb} not read"] * bool(others)
        for part, found in parts.items():
            if passed := found.passed_over:
                count = f"{len(passed)} file{'s' * (len(passed) > 1)}"
                notes.append(
                    f"{count} of {root / part} passed over, as no images in class folders: {listed(passed, 3)}"
                )
        names = ("".join(it if it.isprintable() else "?" for it in name) for name in parts["train"].classes)
        return source._replace(names=tuple(names), notes=tuple(notes))


def _check_classes(root: Path, parts: dict[str, ImageFiles]) -> None:
    """Raise DataError if train and test have other classes, whose numbers are their places in the list, or none."""
    train = parts["train"]
    if "test" in parts:
        own, others = {*train.classes}, {*parts["test"].classes}
        alone = {"train": sorted(own - others), "test": sorted(others - own)}
        if odd := [f"only {part} has {listed(names)}" for part, names in alone.items() if names]:
            raise DataError(f"root: {root}: train and test need the same class folders; {', '.join(odd)}")
        if not parts["test"].files:
            raise DataError(f"root: {root / 'test'} holds no image; remove the folder, and `test` sets some apart")
    filled = {label for _, label in train.files}
    if empty := [name for label, name in enumerate(train.classes) if label not in filled]:
        raise DataError(
            f"root: {root / 'train' / empty[0]} holds no image ({', '.join(EXTENSIONS)}); remove the folder"
        )
    if len(train.classes) < 2:
        raise DataError(f"root: {root / 'train'} has one class only, {train.classes[0]}; expected at least 2")


class _Fetched(_DataSet):
    """A data set that torchvision downloads into `root`, unless its files lie there; classes bear its names."""

    examples: ClassVar[int]  # of its training set, known before it is here

    root: str = "data"

    def _own(self, download: bool) -> Source:
        name = type(self).__name__
        train, test = (fetched(name, self.root, download, train=train) for train in (True, False))
        source = as_source(name, train.data, train.targets, test.data, test.targets)
        return source._replace(names=tuple(train.classes))


class _CIFAR(_Fetched):
    val: SizeOrNone = 1000
    crop: NonNegativeInt = 4
    flip: bool = True


class CIFAR10(_CIFAR):
    examples: ClassVar[int] = 50_000
    name: Literal["cifar10"] = "cifar10"


class CIFAR100(_CIFAR):
    examples: ClassVar[int] = 50_000
    name: Literal["cifar100"] = "cifar100"


class MNIST(_Fetched):
    examples: ClassVar[int] = 60_000
    name: Literal["mnist"] = "mnist"


class FashionMNIST(_Fetched):
    examples: ClassVar[int] = 60_000
    name: Literal["fashion_mnist"] = "fashion_mnist"


class SVHN(_Fetched):
    """Without the 531131 easier digits that were published beside it: those are a pool, `extra: {name: svhn}`."""

    examples: ClassVar[int] = 73_257
    name: Literal["svhn"] = "svhn"
    val: SizeOrNone = 1000

    def _own(self, download: bool) -> Source:
        train, test = (fetched("SVHN", self.root, download, split=split) for split in ("train", "test"))
        source = as_source("SVHN", train.data, train.labels, test.data, test.labels)
        return source._replace(names=tuple(map(str, range(source.classes))))


DataSource = Annotated[
    Digits | Npz | ImageFolder | CIFAR10 | CIFAR100 | SVHN | MNIST | FashionMNIST, Field(discriminator="name")
]


def as_source(where: str, x_train: Any, y_train: Any, x_test: Any = None, y_test: Any = None) -> Source:
    """Check images and labels and bring them to the form of a source.

    Raises DataError, beginning with `where`, if they are not uint8 images with labels 0..C-1.
    """
    x, y = labelled(where, ("x_train", "y_train"), x_train, y_train)
    classes = int(y.max()) + 1
    absent = np.setdiff1d(np.arange(min(classes, len(y))), y)
    if len(absent):
        raise DataError(
            f"{where}: y_train has labels up to {classes - 1} but none that is {absent[0]}; "
            "number the classes 0..C-1 without gaps"
        )
    if classes < 2:
        raise DataError(f"{where}: y_train has one class only; expected at least 2")
    if x_test is None:
        return Source(x, y, x[:0], y[:0], classes)
    held, answers = labelled(where, ("x_test", "y_test"), x_test, y_test)
    if held.shape[1:] != x.shape[1:]:
        raise DataError(f"{where}: x_train has images of {x.shape[1:]}, x_test of {held.shape[1:]}; make them equal")
    if answers.max() >= classes:
        raise DataError(f"{where}: y_test has label {answers.max()}; y_train has 0..{classes - 1} only")
    return Source(x, y, held, answers, classes)
