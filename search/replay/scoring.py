"""Score a stopping policy on a finished sweep: the epochs that it trains, and what is left of the fronts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import moocore
import numpy as np

from search.pareto import Objectives, least_leads
from search.replay.finished_sweep import FinishedSweep
from search.stopping.curves import Candidate
from trainers.objectives import non_dominated

Reached = Mapping[str, int]  # configuration -> how many epochs it is trained; an absent one is not trained at all
Points = dict[str, np.ndarray]  # configuration -> the objectives, means over the seeds


NEAR = 0.02


class Score(NamedTuple):
    """The cost of a rule and what it keeps, as fractions of the whole sweep's."""

    compute: float  # share of the epochs, those that trials share counted once
    best_volume: float  # share of the hypervolume of the front of best checkpoints
    best_kept: float  # share of its members whose point is the same
    robust_lost: float  # of the highest robust accuracy of a best checkpoint; with several fronts the largest loss
    last_volume: float  # ... of the front of last epochs
    last_kept: float
    near_kept: float  # share of those within two points of the front of best checkpoints that have their last epoch
    censored: float  # how many trials have no last epoch


class ProblemFronts:
    """The configurations of one problem, and their fronts when all are trained; a diverged seed keeps off both."""

    def __init__(self, candidates: Iterable[Candidate], objectives: Objectives) -> None:
        self._sound = {candidate.name: candidate for candidate in candidates if candidate.diverged is None}
        self._cache: dict[tuple[str, int], tuple[np.ndarray, float]] = {}
        self._lasts = {name: c.at_end(c.epochs).mean(axis=0) for name, c in self._sound.items()}
        self._all = {name: candidate.epochs for name, candidate in self._sound.items()}
        self._best_of_all = self._bests(self._all)
        self._reference = _reference(list(self._sound.values()), objectives)
        self._best_members, self._last_members = _members(self._best_of_all), _members(self._lasts)
        self._near = _near(self._best_of_all)
        self.whole = self.tally(self._all)
        self._top = self._highest(self._all)

    def tally(self, reached: Reached) -> np.ndarray:
        """Return the hypervolumes of the best and the last front, and how many members of each, and near it, are kept.

        The shape is (5,).
        """
        best = self._bests(reached)
        last = {name: point for name, point in self._lasts.items() if reached.get(name) == self._all[name]}
        same = [n for n in self._best_members if n in best and np.array_equal(best[n], self._best_of_all[n])]
        ended, near = ([name for name in names if name in last] for names in (self._last_members, self._near))
        return np.array([self._volume(best), self._volume(last), len(same), len(ended), len(near)])

    def lost(self, reached: Reached) -> float:
        """Return how much lower the highest robust accuracy of a best checkpoint is."""
        return self._top - self._highest(reached)

    def _highest(self, reached: Reached) -> float:
        return max((self._best(name, reached[name])[1] for name in self._sound if reached.get(name)), default=0.0)

    def _bests(self, reached: Reached) -> Points:
        return {name: self._best(name, reached[name])[0] for name in self._sound if reached.get(name)}

    def _best(self, name: str, n: int) -> tuple[np.ndarray, float]:
        """Return the best checkpoint of n epochs and its robust accuracy; cached, as each draw needs it again."""
        if (name, n) not in self._cache:
            candidate = self._sound[name]
            self._cache[name, n] = candidate.at_best(n).mean(axis=0), candidate.robust_at_best(n)
        return self._cache[name, n]

    def _volume(self, points: Points) -> float:
        if not points:
            return 0.0
        return float(moocore.hypervolume(np.array(list(points.values())), ref=self._reference, maximise=True))


class Scorer:
    """Scores policies on a finished sweep, trained again as far as they let it."""

    def __init__(self, sweep: FinishedSweep) -> None:
        self.sweep = sweep
        self._fronts = [
            ProblemFronts([sweep.candidates[name] for name in names], sweep.objectives) for names in sweep.problems
        ]
        self._stages = 1 + max(int(ids.max(initial=-1)) for of_seeds in sweep.stages.values() for ids in of_seeds)

    def score(self, reached: Reached) -> Score:
        """Return what is left if each configuration is trained so far."""
        had = np.sum([front.tally(reached) for front in self._fronts], axis=0)
        whole = np.sum([front.whole for front in self._fronts], axis=0)
        best_volume, last_volume, best_kept, last_kept, near_kept = map(float, had / np.maximum(whole, 1e-12))
        return Score(
            compute=self._compute(reached),
            best_volume=best_volume,
            best_kept=best_kept,
            robust_lost=max(front.lost(reached) for front in self._fronts),
            last_volume=last_volume,
            last_kept=last_kept,
            near_kept=near_kept,
            censored=self._censored(reached),
        )

    def draw_whole(self, rng: np.random.Generator, compute: float) -> Reached:
        """Draw configurations at random and train them whole, until they cost that share of the epochs or more."""
        names, reached, trained, count = list(self.sweep.candidates), dict[str, int](), self._untrained(), 0
        for place in map(int, rng.permutation(len(names))):
            if count >= compute * self._stages - 1e-6:
                break
            reached[names[place]] = self.sweep.candidates[names[place]].epochs
            for stages in self.sweep.stages[names[place]]:
                count += int((~trained[stages]).sum())
                trained[stages] = True
        return reached

    def _compute(self, reached: Reached) -> float:
        trained = self._untrained()
        for name, n in reached.items():
            for stages in self.sweep.stages[name]:
                trained[stages[:n]] = True
        return float(trained.mean())

    def _untrained(self) -> np.ndarray:
        return np.zeros(self._stages, dtype=bool)

    def _censored(self, reached: Reached) -> int:
        """Return how many trials end before their last epoch; one that diverges has none anyway."""
        short = (c for name, c in self.sweep.candidates.items() if reached.get(name, 0) < c.epochs)
        return sum(curve.diverged is None for candidate in short for curve in candidate.curves)


def _members(points: Points) -> list[str]:
    """Return the configurations on the front; of equal points all."""
    return [name for name, member in zip(points, non_dominated(list(points.values())), strict=True) if member]


def _near(points: Points) -> list[str]:
    """Return the configurations that no other one beats by more than two points in every objective."""
    table = np.array(list(points.values()))
    return [name for i, name in enumerate(points) if least_leads(table, i).max() <= NEAR + 1e-9]


def _reference(sound: list[Candidate], objectives: Objectives) -> np.ndarray:
    """Return the reference point of the hypervolume: guessing for the clean accuracy, 0 for other accuracies.

    For other objectives it is the worst value that was measured.
    """
    if not sound:
        return np.zeros(len(objectives))
    worst = np.min([candidate.at_most(candidate.epochs).min(axis=0) for candidate in sound], axis=0)
    known = {name: 0.0 for name in objectives if name.endswith("_acc")} | {"val_clean_acc": sound[0].chance}
    return np.array([known.get(name, low) for name, low in zip(objectives, worst, strict=True)])
