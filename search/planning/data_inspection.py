"""Inspect the images and labels of a sweep, and note contents that are allowed and seldom intended.

Images are compared byte for byte, by 64-bit hashes. The probability that any two of N different images pass for equal
is N² / 2⁶⁵, which is 1e-10 for the 60,000 images of CIFAR-10; to hash these takes about a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from hashlib import blake2b

import numpy as np

from search.planning.datasets import DatasetCache, identify_source
from search.planning.plan import Plan
from search.schema.ranking_file import FileRanks
from search.schema.space import LoadedSpace
from trainers.arrays import Source, format_class
from trainers.data import Data, Split, Splits
from trainers.formatting import format_count, format_list

DARK = 128  # a data set that does not reach this value was perhaps stored with fewer bits
TIED = 0.1  # share of equal ranks in a file; fewer are chance
LONG = 8  # ratio of width to height or height to width; perhaps one axis is not an axis of the image
SPLIT_FIELDS = set(Splits.model_fields) - {"label_noise", "noise_seed"}


def note_contents(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> list[str]:
    """Return one note for each finding, at the line of its data block; data that is not loaded is skipped."""
    found: dict[str, None] = {}
    seen: set[Hashable] = set()
    for trial in plan.trials:
        block = trial.config.data
        source, data = sources.loaded.get(identify_source(block)), sources.prepare(block)
        split = (identify_source(block), block.model_dump_json(include=SPLIT_FIELDS))
        if source is None or data is None or split in seen:
            continue
        notes = [*note_splits(source, data)] if split[0] in seen else [*note_source(source), *note_splits(source, data)]
        seen |= {split, split[0]}
        found |= dict.fromkeys(loaded.format_trial_note(trial.kind, trial.axes, f"data: {note}") for note in notes)
    files = {ranking.by.sha256: ranking.by for ranking in plan.rankings.values() if isinstance(ranking.by, FileRanks)}
    for file in files.values():
        found |= dict.fromkeys(loaded.format_problem(("profile", "file"), note) for note in _note_ties(file))
    return list(found)


def _note_ties(file: FileRanks) -> Iterator[str]:
    """Note equal ranks: a subset that is cut among them takes examples by their place in the data."""
    for score, ranks in file.ranks.items():
        _, counts = np.unique(ranks, return_counts=True)
        tied = int(counts[counts > 1].sum())
        if tied > TIED * len(ranks):
            yield (
                f"{tied:,} of the {len(ranks):,} ranks by {score} in {file.knobs.file} are equal to another's; a "
                "subset that is cut among equals takes them by their place in the data, which may be sorted by class"
            )


def note_source(source: Source) -> Iterator[str]:
    """Note unusual contents of a data set's arrays, whatever split is cut from them."""
    yield from source.notes
    yield from note_pixels(source)
    yield from note_copies(source)
    yield from note_shared(source)
    for name, x in source.corrupted.items():
        if np.array_equal(x, source.x_test):
            yield f"corruptions: {name} is the clean test set, byte for byte"


def note_pixels(source: Source) -> Iterator[str]:
    """Note pixels that were perhaps scaled or stored in another way than intended."""
    parts = {"training": source.x_train, "test": source.x_test}
    if source.extra is not None:
        parts["pool"] = source.extra.x
    for part, x in parts.items():
        if len(x):
            yield from _note_pixels(part, x)


def note_shared(source: Source) -> Iterator[str]:
    """Note test images that are training images too."""
    if shared := _find_shared(hash_images(source.x_test), hash_images(source.x_train)):
        count, (test, train) = shared
        yield (
            f"{count} of {format_count(len(source.x_test), 'test image')} are training images too "
            "(the first is test image "
            f"{test}, training image {train}): test accuracy counts what was trained on"
        )


def _note_pixels(part: str, x: np.ndarray) -> Iterator[str]:
    flat = x.reshape(len(x), -1)
    top, constant = int(flat.max()), flat.max(1) == flat.min(1)
    if top <= 1:
        what = "0 or 1" if top else "0"
        yield (
            f"every pixel of the {part} images is {what}, which of 0..255 is black; if they were bits or shares of "
            "white, store them times 255"
        )
    elif top < DARK:
        yield (
            f"no pixel of the {part} images is above {top} of 255; if they were stored with fewer bits, scale them up, "
            "for epsilon is a share of 255"
        )
    if constant.all() and (flat == flat[0, 0]).all():
        images = format_count(len(x), f"{part} image")
        yield f"all {images} are one colour, the same in all: there is nothing to tell apart"
    elif constant.any():
        yield (
            f"{constant.sum():,} of {format_count(len(x), f'{part} image')} are of one value throughout "
            "(the first is image "
            f"{constant.argmax()}): nothing is to be seen on them"
        )
    height, width = x.shape[1:3]
    if max(height, width) >= LONG * min(height, width):
        yield f"the {part} images are {height} pixels high and {width} wide; is one of these axes another thing?"


def note_copies(source: Source) -> Iterator[str]:
    """Note training images that are copies of others."""
    hashes, y = hash_images(source.x_train), source.y_train
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[group] != np.arange(len(hashes)))
    if not len(again):
        return
    example = again[0]
    other = int((y[again] != y[first[group[again]]]).sum())
    contradicting = f"; {other} of them have another label than the first" if other else ""
    yield (
        f"{len(again):,} of {format_count(len(hashes), 'training image')} are copies of others "
        f"(image {example} is a copy of "
        f"image {first[group[example]]}){contradicting}: random splits put copies on both sides"
    )


def note_splits(source: Source, data: Data) -> Iterator[str]:
    """Note the classes that a split lacks, and the images that a pool shares with it."""
    splits = {"training": data.train, "validation": data.val, "test": data.test}
    for part, split in splits.items():
        counts = np.bincount(split.y.numpy(), minlength=data.classes)
        if len(split) and (lacking := [format_class(int(label), data.names) for label in np.flatnonzero(counts == 0)]):
            plural = "es" * (len(lacking) > 1)
            yield f"no {part} example of class{plural} {format_list(lacking)}; classes are numbered by the training set"
    if source.extra is None:
        return
    pool = hash_images(source.extra.x)
    for part, split in splits.items():
        if shared := _find_shared(_hash_split(split), pool):
            what = "counts them twice" if part == "training" else "is measured on what was trained on"
            yield (
                f"extra: {shared[0]} of {format_count(len(split), f'{part} image')} are in the pool too, "
                f"which {what}; take "
                "them out of it, or use {name: rest} for a pool of the training set's own"
            )


def hash_images(x: np.ndarray) -> np.ndarray:
    """Hash each image, (N, ...) uint8 -> (N,) uint64."""
    return np.frombuffer(
        b"".join(blake2b(image, digest_size=8).digest() for image in np.ascontiguousarray(x)), np.uint64
    )


def _hash_split(split: Split) -> np.ndarray:
    return hash_images(np.moveaxis(split.x.numpy(), 1, -1))


def _find_shared(some: np.ndarray, others: np.ndarray) -> tuple[str, tuple[int, int]] | None:
    """Count the images that are among others, and locate the first of them in both; None if there are none."""
    among = np.flatnonzero(np.isin(some, others))
    if not len(among):
        return None
    return f"{len(among):,}", (int(among[0]), int(np.flatnonzero(others == some[among[0]])[0]))
