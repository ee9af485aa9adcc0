"""Inspect data before its first study: doubts, for which a person should look at it first, and notes.

What no training could use, such as labels with gaps or float pixels, trainers.sources refuses before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from search.planning.data_inspection import note_copies, note_pixels, note_shared
from trainers.arrays import Source, format_class
from trainers.formatting import format_list
from trainers.images import DataError

HANDFUL = 5  # training images of a class
IMBALANCE = 10  # ratio of the largest class to the smallest


def check_square(source: Source) -> None:
    """Raise DataError unless the images are squares, which the networks take."""
    height, width = source.x_train.shape[1:3]
    if height != width:
        raise DataError(
            f"the images are {height} pixels high and {width} wide, and networks here take squares; pad or crop them"
        )


def list_doubts(source: Source) -> Iterator[str]:
    """Yield what makes results on the data doubtful or meaningless, and what to do."""
    yield from note_pixels(source)
    yield from (f"{note}; remove them from one of the two" for note in note_shared(source))
    if not len(source.x_test):
        yield from (f"{note}, test images among them; keep one of each" for note in note_copies(source))
    counts = np.bincount(source.y_train, minlength=source.classes)
    rare = np.flatnonzero(counts < HANDFUL)
    if few := [f"{counts[label]} of class {format_class(int(label), source.names)}" for label in rare]:
        yield (
            f"fewer than {HANDFUL} training images of a class ({format_list(few, 3)}), too few to hold some out and to "
            "measure; collect more, or leave the class out of the data"
        )


def list_notes(source: Source) -> Iterator[str]:
    """Yield what is allowed and good to know."""
    yield from source.notes
    if len(source.x_test):
        yield from note_copies(source)
    counts = np.bincount(source.y_train, minlength=source.classes)
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] >= IMBALANCE * counts[smallest]:
        big, small = (format_class(label, source.names) for label in (largest, smallest))
        yield (
            f"class {big} has {counts[largest]:,} training images and class {small} {counts[smallest]:,}: accuracy "
            "is mostly that of large classes; look at the accuracies by class (`evaluate: {by_class: true}`)"
        )
    x = source.x_train
    if x.shape[3] == 3 and np.array_equal(x[..., 0], x[..., 1]) and np.array_equal(x[..., 0], x[..., 2]):
        yield (
            "the three channels are equal, grey stored as RGB: one channel holds the same and trains faster "
            "(`x[..., :1]` in an .npz, `channels: 1` for a folder)"
        )
