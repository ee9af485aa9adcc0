"""A source: the raw arrays of a data set, loaded once and shared by all trials, and their fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from trainers.images import Labelled, listed


class Source(NamedTuple):
    """The arrays of a data set; test arrays are empty where it has no test set of its own."""

    x_train: np.ndarray  # (N, H, W, channels) uint8
    y_train: np.ndarray  # (N,) int64
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    extra: Labelled | None = None  # the pool that was loaded beside it
    corrupted: Mapping[str, np.ndarray] = {}  # the test images under each corruption
    names: tuple[str, ...] = ()  # of the classes, in order; none where the data set has only their numbers
    notes: tuple[str, ...] = ()  # what was seen while it was read: allowed, and perhaps not meant


def fingerprint(source: Source) -> str:
    """The sha256 of a source's arrays, shapes and all."""
    hasher = sha256()
    for name, array in _all(source):
        hasher.update((name + str((array.shape, array.dtype))).encode())
        hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def _all(source: Source) -> Iterator[tuple[str, np.ndarray]]:
    """What there is; the four arrays of the data set itself are always there and need no name."""
    yield from (("", array) for array in source[:4])
    if source.extra is not None:
        yield from (("extra", array) for array in source.extra)
    yield from ((f"corrupted {name}", array) for name, array in source.corrupted.items())


def of_classes(source: Source, classes: Sequence[int]) -> tuple[Source, np.ndarray]:
    """The examples of some classes, relabelled 0.. in the order given, and where those to train on stood.

    Raises ValueError if there is no such class, or none of its examples in a part that there is.
    """
    if unknown := [each for each in classes if each >= source.classes]:
        there = class_range(source.classes, source.names)
        raise ValueError(f"data.classes: got {unknown[0]}; the data set has the classes {there}")
    new = np.full(source.classes, -1)
    new[list(classes)] = np.arange(len(classes))

    def kept(y: np.ndarray, part: str) -> np.ndarray:
        positions = np.flatnonzero(new[y] >= 0)
        if len(y) and not len(positions):
            raise ValueError(f"data.classes: {part} has no example of the classes {list(classes)}; keep others as well")
        return positions

    train, test = kept(source.y_train, "the training set"), kept(source.y_test, "the test set")
    extra = source.extra
    if extra is not None:
        pool = kept(extra.y, "the pool `extra`")
        extra = Labelled(extra.x[pool], new[extra.y[pool]])
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


def class_name(label: int, names: Sequence[str]) -> str:
    """Call a class in a message by its number, and by its name where that says more."""
    name = names[label] if label < len(names) else ""
    return str(label) if name in ("", str(label)) else f"{label} ({name})"


def class_range(classes: int, names: Sequence[str]) -> str:
    """Call all classes of a data set in a message, such as '0..1 (cat, dog)'."""
    tells = any(name != str(label) for label, name in enumerate(names))
    return f"0..{classes - 1}" + (f" ({listed(names)})" if tells else "")
