"""Source: the raw arrays of a data set, loaded once and shared by all trials, with their fingerprint and classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from trainers.formatting import format_list
from trainers.images import LabelledImages


class Source(NamedTuple):
    """The arrays of a data set; the test arrays are empty if the data set has no test set of its own."""

    x_train: np.ndarray  # (N, H, W, channels) uint8
    y_train: np.ndarray  # (N,) int64
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    extra: LabelledImages | None = None  # the pool of extra training data that `data.extra` names
    corrupted: Mapping[str, np.ndarray] = {}  # the test images under each corruption
    names: tuple[str, ...] = ()  # class names in order; empty if the data set only numbers its classes
    notes: tuple[str, ...] = ()  # observations while reading: allowed, but perhaps not intended


def fingerprint(source: Source) -> str:
    """Return the sha256 of a source's arrays, their shapes and dtypes included, in hex."""
    hasher = sha256()
    for name, array in _all(source):
        hasher.update((name + str((array.shape, array.dtype))).encode())
        hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def _all(source: Source) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each array with a name; the four arrays of the data set itself are always there and have an empty one."""
    yield from (("", array) for array in source[:4])
    if source.extra is not None:
        yield from (("extra", array) for array in source.extra)
    yield from ((f"corrupted {name}", array) for name, array in source.corrupted.items())


def select_classes(source: Source, classes: Sequence[int]) -> tuple[Source, np.ndarray]:
    """Return a source of some classes only, relabelled 0.. in the order given, and the kept training positions, (n,).

    Raises ValueError if a class does not exist, or if the training set, test set or pool has no example of any of them.
    """
    if unknown := [label for label in classes if label >= source.classes]:
        there = format_classes(source.classes, source.names)
        raise ValueError(f"data.classes: got {unknown[0]}; the data set has the classes {there}")
    new = np.full(source.classes, -1)
    new[list(classes)] = np.arange(len(classes))

    def find_positions(y: np.ndarray, part: str) -> np.ndarray:
        positions = np.flatnonzero(new[y] >= 0)
        if len(y) and not len(positions):
            raise ValueError(f"data.classes: {part} has no example of the classes {list(classes)}; keep others as well")
        return positions

    train, test = find_positions(source.y_train, "the training set"), find_positions(source.y_test, "the test set")
    extra = source.extra
    if extra is not None:
        pool = find_positions(extra.y, "the pool `extra`")
        extra = LabelledImages(extra.x[pool], new[extra.y[pool]])
    return Source(
        x_train=source.x_train[train],
        y_train=new[source.y_train[train]],
        x_test=source.x_test[test],
        y_test=new[source.y_test[test]],
        classes=len(classes),
        extra=extra,
        corrupted={name: x[test] for name, x in source.corrupted.items()},
        names=tuple(source.names[label] for label in classes) if source.names else (),
    ), train


def format_class(label: int, names: Sequence[str]) -> str:
    """Return a class as messages show it: its number, followed by its name if that differs, such as '3 (cat)'."""
    name = names[label] if label < len(names) else ""
    return str(label) if name in ("", str(label)) else f"{label} ({name})"


def format_classes(classes: int, names: Sequence[str]) -> str:
    """Return all classes of a data set as messages show them, such as '0..1 (cat, dog)'."""
    tells = any(name != str(label) for label, name in enumerate(names))
    return f"0..{classes - 1}" + (f" ({format_list(names)})" if tells else "")
