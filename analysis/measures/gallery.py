"""The friendliest and most problematic examples of each class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.measures.classes import abbreviate_class
from analysis.results.rankings import Ranking, read_images
from analysis.results.sweep import Sweep
from trainers.extremes import MAX_CLASSES, select_gallery


class Gallery(NamedTuple):
    """Examples of each class, a row per class: the PER_CLASS friendliest, then the PER_CLASS most problematic."""

    classes: list[str]  # that are shown, by number and name
    known: int  # number of all classes
    images: np.ndarray  # (rows, 2 PER_CLASS, H, W, C) uint8
    shown: np.ndarray  # (rows, 2 PER_CLASS) bool, False where a class has too few examples
    flipped: np.ndarray  # (rows, 2 PER_CLASS) bool, whether the label was flipped
    y_clean: np.ndarray  # (rows, 2 PER_CLASS) labels before any was flipped


def collect_gallery(results: Sweep, ranking: Ranking) -> Gallery | None:
    """Collect the friendliest and most problematic examples of each class by a ranking; None without images."""
    images = read_images(results.folder / "profile" / f"{ranking.name}.images.npz", ranking.index, results.damage)
    if images is None:
        return None
    known = np.unique(ranking.y)
    shown = known[:MAX_CLASSES]
    places = select_gallery(ranking.rank, ranking.y)
    names = find_class_names(results, ranking)
    return Gallery(
        classes=[abbreviate_class(int(label), names) for label in shown],
        known=len(known),
        images=images[places],
        shown=places >= 0,
        flipped=ranking.flipped[places] & (places >= 0),
        y_clean=ranking.y_clean[places],
    )


def find_class_names(results: Sweep, ranking: Ranking) -> tuple[str, ...]:
    """Return the class names of a ranking's examples, from the trials that made the ranking or use it."""
    trials = (str(trial["id"]) for trial in results.plan["trials"] if trial.get("ranks") == ranking.name)
    return results.class_names.get(next(trials, ""), ())
