"""The rounds of a search that adapts: what a generation came to is told, and the next one planned before it runs."""

from __future__ import annotations

from collections.abc import Callable

from search.asking import Asker
from search.axes import Point
from search.objectives import Outcome, outcome
from search.plan import Plan, Planned
from search.planner import Planner, Request
from search.store import Store
from search.yamlfile import SpaceError
from trainers.records import canonical, write_json


class Generations:
    """Asks, plans and tells; its memory is the asker's, so that a killed search goes on with the same proposals."""

    def __init__(self, asker: Asker, planner: Planner, store: Store, say: Callable[[str], None]) -> None:
        self.asker, self.planner, self.store, self._say = asker, planner, store, say
        self.search = planner.space.search

    def plan(self) -> Plan:
        """All configurations asked so far."""
        plan = self.planner.plan([])
        self._add(plan, self.asker.points())
        return plan

    def more(self, plan: Plan) -> list[int]:
        """Tell the generation that ended and plan the next one; the places of its trainings, none when all is done."""
        new: list[int] = []
        while not new:
            if waiting := self.asker.waiting():
                self.asker.tell([self._outcome(plan, point) for point in waiting])
            asked = self.asker.ask()
            if not asked:
                return []
            new = self._add(plan, asked)
            write_json(self.store.folder / "plan.json", plan.to_json(self.store.folder.name))
        return new

    def _add(self, plan: Plan, points: list[Point]) -> list[int]:
        new: list[int] = []
        for point in points:
            request = Request(point, self.search.replicates, self.asker.generation(point))
            try:
                new += self.planner.extend(plan, [request])
            except SpaceError as error:
                self._say("a proposal that cannot be trained is told as failed: " + "; ".join(error.problems))
        return new

    def _outcome(self, plan: Plan, point: Point) -> Outcome:
        key = canonical({path: choice.value for path, choice in point.items()})
        trials = [trial for trial in plan.trials if trial.kind == "trial" and canonical(trial.values) == key]
        name = trials[0].configuration if trials else ""
        return outcome(self.search, name, {trial.replicate: self._result(trial) for trial in trials})

    def _result(self, trial: Planned) -> dict | None:
        return self.store.result(trial.id, trial.final)
