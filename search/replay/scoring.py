"""What a rule of stopping would have spent and kept in a finished sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import moocore
import numpy as np

from search.replay.finished_sweep import Study
from search.stopping.curves import Candidate, Objectives

Reached = Mapping[str, int]  # configuration -> how many epochs it is trained; who is absent is not trained at all
Points = dict[str, np.ndarray]  # configuration -> its objectives, means over the seeds


NEAR = 0.02


class Outcome(NamedTuple):
    """What is spent and what is left, of the whole sweep's."""

    compute: float  # share of the epochs, those that trials share counted once
    best_volume: float  # share of the hypervolume of the front of best checkpoints
    best_kept: float  # share of its members whose point is the same
    robust_lost: float  # of the highest robust accuracy of a best checkpoint; of several fronts the most
    last_volume: float  # ... of the front of last epochs
    last_kept: float
    near_kept: float  # share of those within two points of the front of best checkpoints that have their last epoch
    censored: float  # how many trials have no last epoch


class Front:
    """The configurations of one problem, and their fronts when all are trained; a diverged seed keeps off both."""

    def __init__(self, contestants: Iterable[Candidate], objectives: Objectives) -> None:
        self._sound = {each.name: each for each in contestants if each.diverged is None}
        self._cache: dict[tuple[str, int], tuple[np.ndarray, float]] = {}
        self._lasts = {name: each.at_end(each.epochs).mean(axis=0) for name, each in self._sound.items()}
        self._all = {name: each.epochs for name, each in self._sound.items()}
        self._best_of_all = self._bests(self._all)
        self._reference = _reference(list(self._sound.values()), objectives)
        self._best_members, self._last_members = _members(self._best_of_all), _members(self._lasts)
        self._near = _near(self._best_of_all)
        self.whole = self.tally(self._all)
        self._top = self._highest(self._all)

    def tally(self, reached: Reached) -> np.ndarray:
        """Hypervolume of best and last front; how many members of each, and near it, are as they would be, (5,)."""
        best = self._bests(reached)
        last = {name: it for name, it in self._lasts.items() if reached.get(name) == self._all[name]}
        same = [it for it in self._best_members if it in best and np.array_equal(best[it], self._best_of_all[it])]
        ended, near = ([it for it in names if it in last] for names in (self._last_members, self._near))
        return np.array([self._volume(best), self._volume(last), len(same), len(ended), len(near)])

    def lost(self, reached: Reached) -> float:
        """How much lower the highest robust accuracy of a best checkpoint is."""
        return self._top - self._highest(reached)

    def _highest(self, reached: Reached) -> float:
        return max((self._best(name, reached[name])[1] for name in self._sound if reached.get(name)), default=0.0)

    def _bests(self, reached: Reached) -> Points:
        return {name: self._best(name, reached[name])[0] for name in self._sound if reached.get(name)}

    def _best(self, name: str, n: int) -> tuple[np.ndarray, float]:
        """A configuration's best checkpoint of n epochs, and its robust accuracy; every draw asks again."""
        if (name, n) not in self._cache:
            each = self._sound[name]
            self._cache[name, n] = each.at_best(n).mean(axis=0), each.robust_at_best(n)
        return self._cache[name, n]

    def _volume(self, points: Points) -> float:
        if not points:
            return 0.0
        return float(moocore.hypervolume(np.array(list(points.values())), ref=self._reference, maximise=True))


class Replay:
    """A finished sweep, trained again as far as a rule lets it."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._fronts = [Front([study.contestants[it] for it in names], study.objectives) for names in study.problems]
        self._stages = 1 + max(int(ids.max(initial=-1)) for each in study.stages.values() for ids in each)

    def outcome(self, reached: Reached) -> Outcome:
        """What training each configuration so far leaves."""
        had = np.sum([front.tally(reached) for front in self._fronts], axis=0)
        whole = np.sum([front.whole for front in self._fronts], axis=0)
        best_volume, last_volume, best_kept, last_kept, near_kept = map(float, had / np.maximum(whole, 1e-12))
        return Outcome(
            compute=self._compute(reached),
            best_volume=best_volume,
            best_kept=best_kept,
            robust_lost=max(front.lost(reached) for front in self._fronts),
            last_volume=last_volume,
            last_kept=last_kept,
            near_kept=near_kept,
            censored=self._censored(reached),
        )

    def drawn(self, rng: np.random.Generator, compute: float) -> Reached:
        """Configurations drawn at random and trained whole, until they cost that share of the epochs or more."""
        names, reached, trained, count = list(self.study.contestants), dict[str, int](), self._untrained(), 0
        for place in map(int, rng.permutation(len(names))):
            if count >= compute * self._stages - 1e-6:
                break
            reached[names[place]] = self.study.contestants[names[place]].epochs
            for stages in self.study.stages[names[place]]:
                count += int((~trained[stages]).sum())
                trained[stages] = True
        return reached

    def _compute(self, reached: Reached) -> float:
        trained = self._untrained()
        for name, n in reached.items():
            for stages in self.study.stages[name]:
                trained[stages[:n]] = True
        return float(trained.mean())

    def _untrained(self) -> np.ndarray:
        return np.zeros(self._stages, dtype=bool)

    def _censored(self, reached: Reached) -> int:
        """Trials that end before their last epoch; one that diverges has none anyway."""
        short = (each for name, each in self.study.contestants.items() if reached.get(name, 0) < each.epochs)
        return sum(curve.diverged is None for each in short for curve in each.curves)


def _members(points: Points) -> list[str]:
    """Who is on the front; of equal points all."""
    if not points:
        return []
    on = moocore.is_nondominated(np.array(list(points.values())), maximise=True, keep_weakly=True)
    return [name for name, member in zip(points, on, strict=True) if member]


def _near(points: Points) -> list[str]:
    """Whom no one beats by more than two points in every objective."""
    table = np.array(list(points.values()))
    return [name for name, point in points.items() if (table - point).min(axis=1).max() <= NEAR + 1e-9]


def _reference(sound: list[Candidate], objectives: Objectives) -> np.ndarray:
    """What hypervolume counts from: guessing for the clean accuracy, 0 for others; else the worst that was seen."""
    if not sound:
        return np.zeros(len(objectives))
    worst = np.min([each.at_most(each.epochs).min(axis=0) for each in sound], axis=0)
    known = {name: 0.0 for name in objectives if name.endswith("_acc")} | {"val_clean_acc": sound[0].chance}
    return np.array([known.get(name, low) for name, low in zip(objectives, worst, strict=True)])
