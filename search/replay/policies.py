"""Stopping policies that a replay compares: each rule of search/stopping/, variants of the robust rule, and ASHA."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import moocore
import numpy as np

from search.replay.finished_sweep import FinishedSweep
from search.replay.rules import HALVINGS
from search.replay.scoring import Reached
from search.stopping.base import StoppingRule
from search.stopping.curves import Candidate
from search.stopping.decisions import Decision, DecisionState


class Policy(Protocol):
    """Says how far each configuration of a finished sweep is trained."""

    random: ClassVar[bool]  # whether the result depends on the generator

    def reached(self, sweep: FinishedSweep, rng: np.random.Generator) -> Reached: ...


@dataclass(frozen=True)
class RulePolicy:
    """A stopping rule, by the methods that a running sweep calls."""

    rule: StoppingRule
    random: ClassVar[bool] = False

    def reached(self, sweep: FinishedSweep, rng: np.random.Generator) -> Reached:
        """Return how many epochs each configuration has in the end."""
        state = DecisionState(self.decisions(sweep))
        return {name: state.reached(name, candidate.epochs) for name, candidate in sweep.candidates.items()}

    def decisions(self, sweep: FinishedSweep) -> list[Decision]:
        """Return the decisions in the order in which a sweep makes them, without those that let a trial go on."""
        found: list[Decision] = []
        for names in sweep.groups:
            found += self.rule.decide([sweep.candidates[name] for name in names], DecisionState())
        state = DecisionState(found)
        for names in sweep.problems:
            found += self.rule.resume_stopped([sweep.candidates[name] for name in names], state)
        return [decision for decision in found if decision.action != "pass"]


def build_policies(rules: Mapping[str, StoppingRule | None], workers: int) -> dict[str, Policy]:
    """Return the policies of the rules and baselines that find_rules returns; `workers` configurations run at once."""
    return {
        name: Halving(workers=workers, multi_objective=HALVINGS[name]) if rule is None else RulePolicy(rule)
        for name, rule in rules.items()
    }


@dataclass(frozen=True)
class Halving:
    """ASHA as in Ray Tune (Li et al. 2020, arXiv:1810.05934): at a rung the top 1/eta of those so far go on.

    Configurations are ranked by robust accuracy. With `multi_objective`, they are ranked by the non-dominated sorting
    of all objectives and, within a front, so that the chosen ones spread (Schmucker et al. 2021, arXiv:2106.12639; as
    in Syne Tune). Configurations, their seeds together, start in random order on `workers` slots; an epoch takes one
    unit of time.
    """

    workers: int
    multi_objective: bool = False
    eta: int = 3
    rungs: tuple[float, ...] = (0.015, 0.045, 0.135, 0.405)  # 3, 9, 27 and 81 of 200 epochs
    random: ClassVar[bool] = True

    def reached(self, sweep: FinishedSweep, rng: np.random.Generator) -> dict[str, int]:
        """Race the configurations of each problem apart: accuracies on different data are not comparable."""
        found: dict[str, int] = {}
        for names in sweep.problems:
            found |= self._race([sweep.candidates[names[place]] for place in rng.permutation(len(names))])
        return found

    def _race(self, order: list[Candidate]) -> dict[str, int]:
        reached: dict[str, int] = {}
        earlier: dict[int, list[np.ndarray]] = defaultdict(list)  # by rung: lengths differ
        running = [(float(self._rung_epochs(c)[0]), i, 0) for i, c in enumerate(order[: self.workers])]
        heapq.heapify(running)
        begun = len(running)
        while running:
            now, i, place = heapq.heappop(running)
            rungs = self._rung_epochs(order[i])
            reached[order[i].name] = rungs[place]
            if rungs[place] < order[i].epochs and self._goes_on(order[i], rungs[place], earlier[rungs[place]]):
                heapq.heappush(running, (now + rungs[place + 1] - rungs[place], i, place + 1))
            elif begun < len(order):
                heapq.heappush(running, (now + self._rung_epochs(order[begun])[0], begun, 0))
                begun += 1
        return reached

    def _rung_epochs(self, candidate: Candidate) -> list[int]:
        """Return the measurements at which a configuration is ranked, without duplicates, and its end."""
        measured = [epoch + 1 for epoch in candidate.measured]
        return sorted({next(n for n in measured if n >= part * candidate.epochs) for part in (*self.rungs, 1.0)})

    def _goes_on(self, candidate: Candidate, n: int, earlier: list[np.ndarray]) -> bool:
        if candidate.diverged is not None and candidate.diverged < n:
            return False
        if self.multi_objective:
            point = candidate.at_end(n).mean(axis=0)
        else:
            point = np.array([candidate.robust[candidate.measured.index(n - 1)]])
        before = np.array(earlier)
        earlier.append(point)
        if not len(before):
            return True
        if self.multi_objective:
            order = _sort_by_fronts(np.array(earlier))
            return order.index(len(before)) / len(order) <= 1 / self.eta
        return bool(point[0] >= np.percentile(before[:, 0], 100 * (1 - 1 / self.eta)))


def _sort_by_fronts(points: np.ndarray) -> list[int]:
    """Return the places by front; within a front, each next point is the farthest from those before it."""
    ranks = moocore.pareto_rank(points, maximise=True)
    order: list[int] = []
    for rank in range(int(ranks.max()) + 1):
        left = [int(place) for place in np.flatnonzero(ranks == rank)]
        chosen = [left.pop(0)]
        while left:
            apart = np.linalg.norm(points[left][:, None] - points[chosen][None], axis=2).min(axis=1)
            chosen.append(left.pop(int(apart.argmax())))
        order += chosen
    return order
