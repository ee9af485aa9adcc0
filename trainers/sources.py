"""The data sets that a configuration can name: each class loads the arrays and has its own defaults for the splits.

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
from trainers.fetch import load_torchvision
from trainers.files import FileError, expand_path, read_npz
from trainers.folders import EXTENSIONS, ImageFiles, list_images, list_other_folders, read_images
from trainers.formatting import format_list
from trainers.images import DataError, check_labelled, prefix_errors
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
VALIDATION = ("val", "valid", "validation", "dev")  # names of folders and arrays that hold a validation set
HELD_OUT = (
    "and validation is held out of the training set (data.val), which these examples would not join; add them to it, "
    "or keep them elsewhere"
)


class _DataSet(Splits):
    """The base of all data sets."""

    def load(self, download: bool = True) -> Source:
        """Load the arrays of the data set, of its pool and of its corruptions.

        Raises NotDownloaded if files are missing and `download` is false, and DataError if they cannot be loaded.
        """
        source = self._load(download)
        if self.extra is not None:
            with prefix_errors("extra"):
                source = source._replace(extra=self.extra.load(source.x_train.shape[1:], source.classes, download))
        if self.corruptions is not None:
            with prefix_errors("corruptions"):
                source = source._replace(corrupted=self.corruptions.load(source.x_test, source.y_test))
        return source

    def published_test(self) -> tuple[int, int] | None:
        """Return how many images and classes the test set has by what is published; None if the data must tell."""
        return None

    def _load(self, download: bool) -> Source:
        raise NotImplementedError


class Digits(_DataSet):
    """The 1797 digits of 8x8 pixels that come with scikit-learn, their grey levels 0..16 stretched to 0..255."""

    name: Literal["digits"] = "digits"
    val: SizeOrNone = "20%"
    test: Size | None = "60%"

    def _load(self, download: bool) -> Source:
        from sklearn.datasets import load_digits  # late: needed only here

        digits = load_digits()
        source = build_source("digits", np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target)
        return source._replace(names=tuple(map(str, digits.target_names)))


class Npz(_DataSet):
    """An .npz with x_train, y_train and perhaps x_test, y_test: uint8 images and integer labels 0..C-1."""

    name: Literal["npz"] = "npz"
    path: str

    def _load(self, download: bool) -> Source:
        with prefix_errors("path"):
            arrays = read_npz(expand_path(self.path), self._wanted)
        return build_source(self.path, **arrays)

    def _wanted(self, found: set[str]) -> tuple[str, ...]:
        if validation := sorted(found & {f"{part}_{name}" for part in "xy" for name in VALIDATION}):
            raise FileError(f"{self.path} holds {' and '.join(validation)}, {HELD_OUT}")
        return ARRAYS if found & set(ARRAYS[2:]) else ARRAYS[:2]  # a test set needs both arrays


class ImageFolder(_DataSet):
    """Image files as <root>/train/<class>/*.png or .jpg, and perhaps <root>/test/<class>/*.

    Each image is resized to a square without regard to its proportions. trainers.folders says which files are refused.
    """

    name: Literal["image_folder"] = "image_folder"
    root: str
    size: PositiveInt
    channels: Literal[1, 3] = 3

    def _load(self, download: bool) -> Source:
        with prefix_errors("root"):
            root = expand_path(self.root)
        others = list_other_folders(root, ("train", "test"))
        if validation := [name for name in others if name.lower() in VALIDATION]:
            raise DataError(f"root: {root} has a folder {validation[0]}/, {HELD_OUT}")
        there = ("train", "test") if os.path.lexists(root / "test") else ("train",)
        parts = {part: list_images(root / part) for part in there}
        _check_classes(root, parts)
        arrays = [read_images(images, self.size, self.channels) for images in parts.values()]
        source = build_source(str(root), *(array for pair in arrays for array in pair))
        verb = "is" if len(others) == 1 else "are"
        notes = [f"{root}: {format_list(others)} beside train and test {verb} not read"] * bool(others)
        for part, images in parts.items():
            if passed := images.passed_over:
                count = f"{len(passed)} file{'s' * (len(passed) > 1)}"
                notes.append(
                    f"{count} of {root / part} passed over, as no images in class folders: {format_list(passed, 3)}"
                )
        names = ("".join(char if char.isprintable() else "?" for char in name) for name in parts["train"].classes)
        return source._replace(names=tuple(names), notes=tuple(notes))


def _check_classes(root: Path, parts: dict[str, ImageFiles]) -> None:
    """Raise DataError if train and test have different class folders, or if a class or the test set is empty.

    The number of a class is its position in the list of folders, so that both lists must be equal. A single class is
    refused too.
    """
    train = parts["train"]
    if "test" in parts:
        in_train, in_test = {*train.classes}, {*parts["test"].classes}
        only = {"train": sorted(in_train - in_test), "test": sorted(in_test - in_train)}
        if odd := [f"only {part} has {format_list(names)}" for part, names in only.items() if names]:
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
    """A data set that torchvision downloads into `root`, unless its files lie there; class names are torchvision's."""

    examples: ClassVar[int]  # size of the training set, known before it is downloaded
    tests: ClassVar[tuple[int, int]] = (10_000, 10)  # images of the test set, and its classes

    root: str = "data"

    def published_test(self) -> tuple[int, int] | None:
        images, classes = self.tests
        return self.tests if self.classes is None else (images * len(self.classes) // classes, len(self.classes))

    def _load(self, download: bool) -> Source:
        name = type(self).__name__
        train, test = (load_torchvision(name, self.root, download, train=train) for train in (True, False))
        source = build_source(name, train.data, train.targets, test.data, test.targets)
        return source._replace(names=tuple(train.classes))


class _CIFAR(_Fetched):
    val: SizeOrNone = 1000
    crop: NonNegativeInt = 4
    flip: bool = True


class CIFAR10(_CIFAR):
    """CIFAR-10: 50,000 and 10,000 images of 32x32, 10 classes."""

    examples: ClassVar[int] = 50_000
    name: Literal["cifar10"] = "cifar10"


class CIFAR100(_CIFAR):
    """CIFAR-100: 50,000 and 10,000 images of 32x32, 100 classes."""

    examples: ClassVar[int] = 50_000
    tests: ClassVar[tuple[int, int]] = (10_000, 100)
    name: Literal["cifar100"] = "cifar100"


class MNIST(_Fetched):
    """MNIST: 60,000 and 10,000 grey images of 28x28, 10 classes."""

    examples: ClassVar[int] = 60_000
    name: Literal["mnist"] = "mnist"


class FashionMNIST(_Fetched):
    """Fashion-MNIST: 60,000 and 10,000 grey images of 28x28, 10 classes."""

    examples: ClassVar[int] = 60_000
    name: Literal["fashion_mnist"] = "fashion_mnist"


class SVHN(_Fetched):
    """SVHN without the 531131 easier digits that were published beside it; those are a pool, `extra: {name: svhn}`."""

    examples: ClassVar[int] = 73_257
    tests: ClassVar[tuple[int, int]] = (26_032, 10)
    name: Literal["svhn"] = "svhn"
    val: SizeOrNone = 1000

    def _load(self, download: bool) -> Source:
        train, test = (load_torchvision("SVHN", self.root, download, split=split) for split in ("train", "test"))
        source = build_source("SVHN", train.data, train.labels, test.data, test.labels)
        return source._replace(names=tuple(map(str, range(source.classes))))


DataSource = Annotated[
    Digits | Npz | ImageFolder | CIFAR10 | CIFAR100 | SVHN | MNIST | FashionMNIST, Field(discriminator="name")
]


def build_source(where: str, x_train: Any, y_train: Any, x_test: Any = None, y_test: Any = None) -> Source:
    """Check images and labels and return them as a source; without test arrays its test set is empty.

    Raises DataError, whose message begins with `where`, unless images are uint8, labels are 0..C-1 with C at least 2,
    and train and test images have one shape.
    """
    x, y = check_labelled(where, ("x_train", "y_train"), x_train, y_train)
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
    x_held, y_held = check_labelled(where, ("x_test", "y_test"), x_test, y_test)
    if x_held.shape[1:] != x.shape[1:]:
        raise DataError(f"{where}: x_train has images of {x.shape[1:]}, x_test of {x_held.shape[1:]}; make them equal")
    if y_held.max() >= classes:
        raise DataError(f"{where}: y_test has label {y_held.max()}; y_train has 0..{classes - 1} only")
    return Source(x, y, x_held, y_held, classes)
