"""The friendliest and most problematic examples of each class, and what a network makes of their adversaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.measures.classes import abbreviate_class
from analysis.measures.difficulty import compute_difficulty
from analysis.results.rankings import Ranking, read_adversaries, read_images
from analysis.results.sweep import Sweep
from trainers.extremes import MAX_CLASSES, PER_CLASS, select_gallery


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


class Pairs(NamedTuple):
    """Examples of each class beside their adversaries: the PER_CLASS friendliest, then the most problematic."""

    classes: list[str]  # that are shown, by number and name
    images: np.ndarray  # (rows, 2 PER_CLASS, H, W, C) uint8
    adversaries: np.ndarray  # the same under attack
    shown: np.ndarray  # (rows, 2 PER_CLASS) bool, False where a class has too few examples
    labels: np.ndarray  # (rows, 2 PER_CLASS) as given
    predicted: np.ndarray  # (rows, 2 PER_CLASS) on the adversaries
    difficulty: np.ndarray  # (rows, 2 PER_CLASS) d in [0, 1], 0 the hardest
    score: str  # that sorts the examples
    attack: str  # in words
    trial: str  # the profile training whose network is attacked
    only: int = 0  # the end that is left, if `take_ends` took one

    @property
    def ends(self) -> list[str]:
        """The names of the ends of the ranking, a half of the columns each."""
        both = ["easiest", "hardest"] if self.score == "difficulty" else ["friendliest", "most problematic"]
        return both if self.shown.shape[1] == 2 * PER_CLASS else both[self.only :][:1]

    def take_ends(self, ends: Sequence[int]) -> Pairs:
        """Return the examples of one end, 0 the friendliest or 1 the most problematic, or of both."""
        if len(ends) == 2:
            return self
        own = slice(ends[0] * PER_CLASS, (ends[0] + 1) * PER_CLASS)
        return self._replace(
            images=self.images[:, own],
            adversaries=self.adversaries[:, own],
            shown=self.shown[:, own],
            labels=self.labels[:, own],
            predicted=self.predicted[:, own],
            difficulty=self.difficulty[:, own],
            only=ends[0],
        )


def collect_adversaries(results: Sweep, ranking: Ranking, score: str = "") -> Pairs | None:
    """Collect the examples of a gallery, by `score` or the ranking's own, with their adversaries and labels.

    None if images or adversaries of any were not recorded, or the ranking lacks the score. The difficulty is
    1 - the rank by `difficulty`, else by the ranking's own score (Liu et al. 2021, eq. 1; their Figures 20 and 21).
    """
    rank = ranking.ranks.get(score or ranking.score)
    place = results.folder / "profile"
    images = read_images(place / f"{ranking.name}.images.npz", ranking.index, results.damage)
    if rank is None or images is None:
        return None
    places = select_gallery(rank, ranking.y)
    shown = places >= 0
    places = np.where(shown, places, places.max())  # any that is shown stands for one that is not
    found = read_adversaries(place / f"{ranking.name}.adversaries.npz", ranking.index[places], results.damage)
    if found is None or found.x.shape[-3:] != images.shape[-3:]:
        return None
    names = find_class_names(results, ranking)
    return Pairs(
        classes=[abbreviate_class(int(label), names) for label in np.unique(ranking.y)[:MAX_CLASSES]],
        images=images[places],
        adversaries=found.x,
        shown=shown,
        labels=ranking.y[places],
        predicted=found.predicted,
        difficulty=compute_difficulty(ranking)[places],
        score=score or ranking.score,
        attack=found.attack,
        trial=found.trial,
    )


def find_class_names(results: Sweep, ranking: Ranking) -> tuple[str, ...]:
    """Return the class names of a ranking's examples, from the trials that made the ranking or use it."""
    trials = (str(trial["id"]) for trial in results.plan["trials"] if trial.get("ranks") == ranking.name)
    return results.class_names.get(next(trials, ""), ())
