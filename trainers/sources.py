"""The data sets that a configuration can name: each loads its arrays and has defaults of its own for the splits.

CIFAR: Krizhevsky 2009; SVHN: Netzer 2011; MNIST: LeCun 1998; Fashion-MNIST: Xiao 2017, arXiv:1708.07747. Digits are
neither cropped nor mirrored, as in Rice 2020, arXiv:2002.11569 (the code of Zhang 2021, arXiv:2010.01736, does both
to SVHN). Relative paths start at the current folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from trainers.arrays import Source
from trainers.data import Splits
from trainers.fetch import fetched
from trainers.images import DataError, labelled, read_folder, read_npz
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


class _DataSet(Splits):
    remote: ClassVar[bool] = False  # whether its files may have to be downloaded

    @property
    def downloads(self) -> bool:
        """Whether loading may need the network."""
        return self.remote or (self.extra is not None and self.extra.remote)

    def load(self) -> Source:
        """The arrays of the data set and of what is named beside it. Raises DataError if they cannot be had."""
        source = self._own()
        if self.extra is not None:
            with _about("extra"):
                source = source._replace(extra=self.extra.load(source.x_train.shape[1:], source.classes))
        if self.corruptions is not None:
            with _about("corruptions"):
                source = source._replace(corrupted=self.corruptions.load(source.x_test, source.y_test))
        return source

    def _own(self) -> Source:
        raise NotImplementedError


@contextmanager
def _about(key: str) -> Iterator[None]:
    """Complaints begin with the key that they are about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{key}: {error}") from error


class Digits(_DataSet):
    """The 1797 digits of 8x8 that come with scikit-learn, 16 grey levels stretched to 0..255."""

    name: Literal["digits"] = "digits"
    val: SizeOrNone = "20%"
    test: Size | None = "60%"

    def _own(self) -> Source:
        from sklearn.datasets import load_digits  # late: only these digits need it

        digits = load_digits()
        return as_source("digits", np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target)


class Npz(_DataSet):
    """An .npz with x_train, y_train and perhaps x_test, y_test: uint8 images and integer labels 0..C-1."""

    name: Literal["npz"] = "npz"
    path: str

    def _own(self) -> Source:
        return as_source(self.path, **read_npz(self.path, self._wanted))

    @staticmethod
    def _wanted(found: set[str]) -> tuple[str, ...]:
        return ARRAYS if found & set(ARRAYS[2:]) else ARRAYS[:2]  # half a test set is a slip


class ImageFolder(_DataSet):
    """Image files as <root>/train/<class>/*.png or .jpg, and perhaps <root>/test/<class>/*.

    Each is resized to a square without regard to its proportions.
    """

    name: Literal["image_folder"] = "image_folder"
    root: str
    size: PositiveInt
    channels: Literal[1, 3] = 3

    def _own(self) -> Source:
        root = Path(self.root).expanduser()
        x, y, classes = read_folder(root / "train", self.size, self.channels)
        if not (root / "test").is_dir():
            return as_source(str(root), x, y)
        x_test, y_test, test_classes = read_folder(root / "test", self.size, self.channels)
        if test_classes != classes:  # the number of a class is its place in the list: lists must agree
            odd = ", ".join(sorted(set(classes) ^ set(test_classes)))
            raise DataError(f"root: {root}: train and test need the same class folders; only one of them has {odd}")
        return as_source(str(root), x, y, x_test, y_test)


class _Fetched(_DataSet):
    """A data set that torchvision downloads into `root`, unless its files lie there; classes bear its names."""

    remote: ClassVar[bool] = True
    root: str = "data"

    def _own(self) -> Source:
        train, test = (fetched(type(self).__name__, self.root, train=train) for train in (True, False))
        return as_source(type(self).__name__, train.data, train.targets, test.data, test.targets)


class _CIFAR(_Fetched):
    val: SizeOrNone = 1000
    crop: NonNegativeInt = 4
    flip: bool = True


class CIFAR10(_CIFAR):
    name: Literal["cifar10"] = "cifar10"


class CIFAR100(_CIFAR):
    name: Literal["cifar100"] = "cifar100"


class MNIST(_Fetched):
    name: Literal["mnist"] = "mnist"


class FashionMNIST(_Fetched):
    name: Literal["fashion_mnist"] = "fashion_mnist"


class SVHN(_Fetched):
    """Without the 531131 easier digits that were published beside it: those are a pool, `extra: {name: svhn}`."""

    name: Literal["svhn"] = "svhn"
    val: SizeOrNone = 1000

    def _own(self) -> Source:
        train, test = (fetched("SVHN", self.root, split=split) for split in ("train", "test"))
        return as_source("SVHN", train.data, train.labels, test.data, test.labels)


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
