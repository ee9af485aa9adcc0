"""The rounds of a search: what comes when all that was planned has ended, further seeds or a new generation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from search.exceptions import SpaceError
from search.planning.plan import Plan, Planned
from search.planning.planner import Planner, Request
from search.sampling.outcomes import Outcome, outcome
from search.sampling.replication import next_replicates
from search.sampling.study import AskTellStudy
from search.schema.axes import Choice, Point
from search.store.plan_file import find_plan, write_plan
from search.store.store import Store
from trainers.record_io import Row, canonical


class AskTellLoop:
    """Asks, plans and tells. What it goes by is on disk: the asker's memory, plan.json and the results."""

    def __init__(self, planner: Planner, store: Store, say: Callable[[str], None], asker: AskTellStudy | None) -> None:
        """`asker` of a search that adapts; all others know their configurations from the start."""
        self.asker, self.planner, self.store, self._say = asker, planner, store, say
        self.search = planner.space.search

    def plan(self) -> Plan:
        """All that was planned so far, further seeds included, in the order in which it was: a budget goes by that.

        Raises SpaceError with all problems.
        """
        plan = self.planner.plan([] if self.asker else None)
        points = iter(self.asker.points() if self.asker else ())
        stored = find_plan(self.store.folder) if self.search.adds_seeds else None
        rows = stored["trials"] if isinstance(stored, dict) else ()
        planned = {(trial.configuration, trial.replicate) for trial in plan.trials}
        for name, seed in ((row["configuration"], row["replicate"]) for row in rows if row["kind"] == "trial"):
            new: list[int] = []
            while not new and (name, self.search.seeds[0]) not in planned and (point := next(points, None)) is not None:
                new = self._add(plan, [point])
            if not new and (name, seed) not in planned:
                new = self._replicate(plan, [(name, seed)])
            planned |= {(plan.trials[i].configuration, plan.trials[i].replicate) for i in new}
        self._add(plan, list(points))
        return plan

    def more(self, plan: Plan) -> list[int]:
        """The places of the trainings that come next, recorded before they run; none when the search is done."""
        new = self._replicate(plan, next_replicates(self.search, self._results(plan)))
        while not new and self.asker:
            if waiting := self.asker.waiting():
                self.asker.tell(self._outcomes(plan, waiting))
            if not (asked := self.asker.ask()):
                break
            new = self._add(plan, asked)
        if new:
            write_plan(self.store.folder, plan.to_json(self.store.folder.name))
        return new

    def _add(self, plan: Plan, points: list[Point]) -> list[int]:
        new: list[int] = []
        for point in points:
            generation = self.asker.generation(point) if self.asker and self.search.adapts else None
            try:
                new += self.planner.extend(plan, [Request(point, self.search.seeds, generation)])
            except SpaceError as error:
                self._say("a proposal that cannot be trained is told as failed: " + "; ".join(error.problems))
        return new

    def _replicate(self, plan: Plan, seeds: list[tuple[str, int]]) -> list[int]:
        """Plan further seeds of configurations that the plan has."""
        first: dict[str, Planned] = {}
        for trial in plan.trials:
            if trial.kind == "trial":
                first.setdefault(trial.configuration, trial)
        requests = [
            Request(_point(first[name]), (seed,), first[name].generation) for name, seed in seeds if name in first
        ]
        return self.planner.extend(plan, requests) if requests else []

    def _results(self, plan: Plan) -> dict[str, dict[int, Row | None]]:
        results: dict[str, dict[int, Row | None]] = defaultdict(dict)
        for trial in plan.trials:
            if trial.kind == "trial":
                results[trial.configuration][trial.replicate] = self.store.read_result(trial.id, trial.final)
        return results

    def _outcomes(self, plan: Plan, points: list[Point]) -> list[Outcome]:
        results = self._results(plan)
        names = {canonical(trial.values): trial.configuration for trial in plan.trials if trial.kind == "trial"}
        wanted = [names.get(canonical({path: it.value for path, it in point.items()}), "") for point in points]
        return [outcome(self.search, name, results.get(name, {})) for name in wanted]


def _point(trial: Planned) -> Point:
    return {path: Choice(label=label, value=trial.values[path]) for path, label in trial.axes.items()}
