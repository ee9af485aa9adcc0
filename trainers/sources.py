"""The data sets that a configuration can name: each loads its arrays and has defaults of its own for the splits.

CIFAR: Krizhevsky 2009; SVHN: Netzer 2011; MNIST: LeCun 1998; Fashion-MNIST: Xiao 2017, arXiv:1708.07747. Digits are
neither cropped nor mirrored, as in Rice 2020, arXiv:2002.11569 (the code of Zhang 2021, arXiv:2010.01736, does both
to SVHN). Relative paths start at the current folder.
"""

from __future__ import annotations

import fcntl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from trainers.data import Source, Splits
from trainers.images import DataError, as_source, read_folder
from trainers.knobs import Size

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


class _Local(Splits):
    downloads: ClassVar[bool] = False  # whether loading may need the network


class Digits(_Local):
    """The 1797 digits of 8x8 that come with scikit-learn, 16 grey levels stretched to 0..255."""

    name: Literal["digits"] = "digits"
    val: Size = "20%"
    test: Size | None = "60%"

    def load(self) -> Source:
        from sklearn.datasets import load_digits  # late: only these digits need it

        digits = load_digits()
        return as_source("digits", np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target)


class Npz(_Local):
    """An .npz with x_train, y_train and perhaps x_test, y_test: uint8 images and integer labels 0..C-1."""

    name: Literal["npz"] = "npz"
    path: str

    def load(self) -> Source:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(f"path: no file {path.absolute()}; name an .npz with {', '.join(ARRAYS)}")
        if not zipfile.is_zipfile(path):
            raise DataError(f"path: {path} is no .npz archive, or a torn one; write it with numpy.savez")
        with np.load(path, allow_pickle=False) as archive:
            self._check_keys(set(archive.files))
            try:
                arrays = {key: archive[key] for key in ARRAYS if key in archive}
            except ValueError as error:
                raise DataError(f"path: {path} cannot be read ({error}); store numbers only") from error
        return as_source(str(path), **arrays)

    def _check_keys(self, found: set[str]) -> None:
        needed = ARRAYS if found & set(ARRAYS[2:]) else ARRAYS[:2]  # half a test set is a slip
        missing = [key for key in needed if key not in found]
        if missing:
            raise DataError(
                f"path: {self.path} lacks {', '.join(missing)}; it holds {', '.join(sorted(found)) or 'nothing'}"
            )


class ImageFolder(_Local):
    """Image files as <root>/train/<class>/*.png or .jpg, and perhaps <root>/test/<class>/*.

    Each is resized to a square without regard to its proportions.
    """

    name: Literal["image_folder"] = "image_folder"
    root: str
    size: PositiveInt
    channels: Literal[1, 3] = 3

    def load(self) -> Source:
        root = Path(self.root).expanduser()
        x, y, classes = read_folder(root / "train", self.size, self.channels)
        if not (root / "test").is_dir():
            return as_source(str(root), x, y)
        x_test, y_test, test_classes = read_folder(root / "test", self.size, self.channels)
        if test_classes != classes:  # the number of a class is its place in the list: lists must agree
            odd = ", ".join(sorted(set(classes) ^ set(test_classes)))
            raise DataError(f"root: {root}: train and test need the same class folders; only one of them has {odd}")
        return as_source(str(root), x, y, x_test, y_test)


class _Fetched(Splits):
    """A data set that torchvision downloads into `root`, unless its files lie there."""

    downloads: ClassVar[bool] = True
    root: str = "data"

    def load(self) -> Source:
        train, test = self._part(train=True), self._part(train=False)
        return as_source(type(self).__name__, train.data, train.targets, test.data, test.targets)

    def _part(self, **which: Any) -> Any:
        from torchvision import datasets  # late: torchvision is slow to import

        dataset = getattr(datasets, type(self).__name__)  # these classes bear torchvision's names
        root = Path(self.root).expanduser()
        try:
            return dataset(str(root), download=False, **which)
        except RuntimeError:  # not there, or not whole
            pass
        try:
            with _alone(root):
                return dataset(str(root), download=True, **which)
        except (OSError, RuntimeError) as error:
            folder, files = self._files(dataset, root, **which)
            reason = str(error).strip().rpartition("\n")[2]  # mirrors are listed before
            raise DataError(
                f"root: {dataset.__name__} is not in {root.absolute()} and its download failed ({reason}). "
                f"Fetch {', '.join(files)} by other means and put it in {folder.absolute()}; or set root to a "
                "folder that has it; or store its arrays in an .npz and use data set npz"
            ) from error

    def _files(self, dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
        """Where torchvision looks for which files as they are published."""
        raise NotImplementedError


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Only one process at a time downloads into a folder: torchvision writes in place."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _CIFAR(_Fetched):
    val: Size = 1000
    crop: NonNegativeInt = 4
    flip: bool = True

    def _files(self, dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
        return root, [dataset.filename]


class CIFAR10(_CIFAR):
    name: Literal["cifar10"] = "cifar10"


class CIFAR100(_CIFAR):
    name: Literal["cifar100"] = "cifar100"


class _MNIST(_Fetched):
    def _files(self, dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
        return root / dataset.__name__ / "raw", [name for name, _ in dataset.resources]


class MNIST(_MNIST):
    name: Literal["mnist"] = "mnist"


class FashionMNIST(_MNIST):
    name: Literal["fashion_mnist"] = "fashion_mnist"


class SVHN(_Fetched):
    """`extra` appends the 531131 easier digits to the training set."""

    name: Literal["svhn"] = "svhn"
    val: Size = 1000
    extra: bool = False

    def load(self) -> Source:
        parts = [self._part(split=split) for split in ("train", "extra")[: 1 + self.extra]]
        test = self._part(split="test")
        x, y = np.concatenate([part.data for part in parts]), np.concatenate([part.labels for part in parts])
        return as_source("SVHN", x, y, test.data, test.labels)

    def _files(self, dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
        return root, [dataset.split_list[which["split"]][1]]


DataSource = Annotated[
    Digits | Npz | ImageFolder | CIFAR10 | CIFAR100 | SVHN | MNIST | FashionMNIST, Field(discriminator="name")
]
