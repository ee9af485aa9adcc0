"""Rules of stopping that a replay compares: none, ours and parts of it, the usual ones (halving.py)."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import Protocol

import moocore
import numpy as np

from search.replay.finished_sweep import Study
from search.replay.scoring import Reached
from search.schema.stopping import RobustStopping
from search.stopping.curves import Candidate
from search.stopping.decisions import Decision, DecisionState
from search.stopping.robust_rule import decide, ends, near_front


class Rule(Protocol):
    """How far each configuration of a finished sweep is trained."""

    def reached(self, study: Study, rng: np.random.Generator) -> Reached: ...


@dataclass(frozen=True)
class Everything:
    """stopping: none."""

    def reached(self, study: Study, rng: np.random.Generator) -> Reached:
        return {name: each.epochs for name, each in study.contestants.items()}


@dataclass(frozen=True)
class Robust:
    """The rule of search/schema/stopping.py by the functions that a running sweep uses."""

    knobs: RobustStopping

    def reached(self, study: Study, rng: np.random.Generator) -> Reached:
        taken = DecisionState(self.decisions(study))
        return {name: taken.reached(name, each.epochs) for name, each in study.contestants.items()}

    def decisions(self, study: Study) -> list[Decision]:
        """In the order in which a sweep takes them, without those that let go on."""
        taken: list[Decision] = []
        for names in study.contests:
            contest = [study.contestants[name] for name in names]
            own = ends(contest, self.knobs, study.objectives)
            taken += decide(contest, own, DecisionState(), self.knobs, study.objectives)
        stopped = DecisionState(taken)
        for names in study.problems:
            rivals = [study.contestants[name] for name in names]
            taken += near_front(rivals, stopped, self.knobs, study.objectives)
        return [decision for decision in taken if decision.action != "pass"]


def rules(workers: int) -> dict[str, Rule]:
    """All that a replay compares unless it is told otherwise; `workers` configurations run at once."""
    return {
        "none": Everything(),
        "robust": Robust(RobustStopping()),
        "robust-not-waiting": Robust(RobustStopping(skip_later_drops=True)),
        "duds-alone": Robust(RobustStopping(patience="100%")),
        "no-new-best-alone": Robust(RobustStopping(rungs=())),
        "asha": Halving(workers=workers),
        "mo-asha": Halving(several=True, workers=workers),
    }


@dataclass(frozen=True)
class Halving:
    """ASHA as Ray Tune stops by it (Li et al. 2020, arXiv:1810.05934): at a rung go on the top 1/eta of those so far.

    By robust accuracy; with `several`, by the non-dominated sorting of all objectives and, within a front, so that the
    chosen ones spread (Schmucker et al. 2021, arXiv:2106.12639; as in Syne Tune). Configurations, their seeds
    together, start in random order on `workers` slots; an epoch takes one unit of time.
    """

    workers: int
    several: bool = False
    eta: int = 3
    rungs: tuple[float, ...] = (0.015, 0.045, 0.135, 0.405)  # 3, 9, 27 and 81 of 200 epochs

    def reached(self, study: Study, rng: np.random.Generator) -> dict[str, int]:
        """Problems are raced apart: their accuracies are not to be compared."""
        found: dict[str, int] = {}
        for names in study.problems:
            found |= self._race([study.contestants[names[place]] for place in rng.permutation(len(names))])
        return found

    def _race(self, order: list[Candidate]) -> dict[str, int]:
        reached: dict[str, int] = {}
        earlier: dict[int, list[np.ndarray]] = defaultdict(list)  # by height: lengths differ
        running = [(float(self._heights(each)[0]), who, 0) for who, each in enumerate(order[: self.workers])]
        heapq.heapify(running)
        begun = len(running)
        while running:
            now, who, rung = heapq.heappop(running)
            heights = self._heights(order[who])
            reached[order[who].name] = heights[rung]
            if heights[rung] < order[who].epochs and self._goes_on(order[who], heights[rung], earlier[heights[rung]]):
                heapq.heappush(running, (now + heights[rung + 1] - heights[rung], who, rung + 1))
            elif begun < len(order):
                heapq.heappush(running, (now + self._heights(order[begun])[0], begun, 0))
                begun += 1
        return reached

    def _heights(self, each: Candidate) -> list[int]:
        """The measurements at which a configuration is judged, none twice, and its end."""
        ends = [epoch + 1 for epoch in each.measured]
        return sorted({next(n for n in ends if n >= share * each.epochs) for share in (*self.rungs, 1.0)})

    def _goes_on(self, each: Candidate, n: int, earlier: list[np.ndarray]) -> bool:
        if each.diverged is not None and each.diverged < n:
            return False
        mine = each.at_end(n).mean(axis=0) if self.several else np.array([each.robust[each.measured.index(n - 1)]])
        before = np.array(earlier)
        earlier.append(mine)
        if not len(before):
            return True
        if self.several:
            order = _sorted(np.array(earlier))
            return order.index(len(before)) / len(order) <= 1 / self.eta
        return bool(mine[0] >= np.percentile(before[:, 0], 100 * (1 - 1 / self.eta)))


def _sorted(points: np.ndarray) -> list[int]:
    """Places by front; within a front, each next one is the farthest from those before it."""
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
