"""Rules of stopping that a replay compares: none, ours and parts of it, the usual ones (halving.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from search.schema.stopping import RobustStopping
from search.stopping.decisions import Decision, Taken
from search.stopping.finishing import worth_finishing
from search.stopping.halving import Halving
from search.stopping.judging import ends, judge
from search.stopping.recorded import Study
from search.stopping.simulation import Reached


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
        taken = Taken(self.decisions(study))
        return {name: taken.reached(name, each.epochs) for name, each in study.contestants.items()}

    def decisions(self, study: Study) -> list[Decision]:
        """In the order in which a sweep takes them, without those that let go on."""
        taken: list[Decision] = []
        for names in study.contests:
            contest = [study.contestants[name] for name in names]
            own = ends(contest, self.knobs, study.objectives)
            taken += judge(contest, own, Taken(), self.knobs, study.objectives)
        stopped = Taken(taken)
        for names in study.problems:
            rivals = [study.contestants[name] for name in names]
            taken += worth_finishing(rivals, stopped, self.knobs, study.objectives)
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
