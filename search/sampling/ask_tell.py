"""The rounds of a search: plan further seeds or a new generation once all planned trainings have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from search.exceptions import SpaceError
from search.planning.plan import Plan, PlannedTrial
from search.planning.planner import Planner, TrialRequest
from search.sampling.certification import next_certified_seeds
from search.sampling.outcomes import Outcome, outcome
from search.sampling.replication import next_replicates
from search.sampling.study import AskTellStudy
from search.schema.axes import AxisPoint, Choice
from search.store.plan_file import find_plan, write_plan
from search.store.store import Store
from trainers.formatting import format_count
from trainers.record_io import Row, canonical


class AskTellLoop:
    """Asks for configurations, plans them and tells their outcomes.

    Its whole state is on disk: the study's history, plan.json and the results.
    """

    def __init__(self, planner: Planner, store: Store, say: Callable[[str], None], study: AskTellStudy | None) -> None:
        """Plan what `study` draws; None for a grid, whose configurations are listed."""
        self.study, self.planner, self.store, self._say = study, planner, store, say
        self.search = planner.space.search

    def restore_plan(self) -> Plan:
        """Return the plan so far, with further seeds, in its original order, by which a budget counts.

        Raises SpaceError with all problems.
        """
        plan = self.planner.plan([] if self.study else None)
        points = iter(self.study.list_points() if self.study else ())
        stored = find_plan(self.store.folder) if self.search.adds_seeds else None
        rows = stored["trials"] if isinstance(stored, dict) else ()
        planned = {(trial.configuration, trial.replicate) for trial in plan.trials}
        for name, seed in ((row["configuration"], row["replicate"]) for row in rows if row["kind"] == "trial"):
            new: list[int] = []
            while not new and (name, self.search.seeds[0]) not in planned and (point := next(points, None)) is not None:
                new = self._add(plan, [point])
            if not new and (name, seed) not in planned:
                new = self._add_seeds(plan, [(name, seed)])
            planned |= {(plan.trials[i].configuration, plan.trials[i].replicate) for i in new}
        self._add(plan, list(points))
        return plan

    def plan_more(self, plan: Plan, say: Callable[[str], None]) -> list[int]:
        """Plan and record the next trainings, and return their positions; empty when the search is done.

        `say` gets a sentence on how many there are and why, as all totals grow by them; none on the first ones.
        """
        began = bool(plan.trials)
        new, why = self._plan_round(plan)
        if new:
            write_plan(self.store.folder, plan.to_json(self.store.folder.name))
        if new and began:
            say(why)
        return new

    def _plan_round(self, plan: Plan) -> tuple[list[int], str]:
        """Plan the next trainings. Return their positions, and how many there are and why, in a sentence."""
        seeds = next_replicates(self.search, self._read_results(plan))
        if new := self._add_seeds(plan, seeds):
            return new, _describe_seeds(plan, seeds, "their places on the front are uncertain")
        while self.study:
            if waiting := self.study.list_waiting():
                self.study.tell(self._summarize_outcomes(plan, waiting))
            if not (asked := self.study.ask()):
                break
            if new := self._add(plan, asked):
                return new, _describe_generation(plan, new)
        seeds = self._certify(plan) if self.search.certifies else []
        if new := self._add_seeds(plan, seeds):
            return new, _describe_seeds(plan, seeds, "their verdicts are open, or keep others open")
        return [], ""

    def _certify(self, plan: Plan) -> list[tuple[str, int]]:
        """Return the seeds that certificates want, once all configurations are drawn."""
        results = self._read_results(plan)
        trials = (trial for trial in reversed(plan.trials) if trial.kind == "trial")
        problems = {trial.configuration: trial.config.data.model_dump_json() for trial in trials}
        configurations = self.search.trials if self.search.draws else None
        return next_certified_seeds(self.search, results, problems, configurations or len(results))

    def _add(self, plan: Plan, points: list[AxisPoint]) -> list[int]:
        new: list[int] = []
        for point in points:
            generation = self.study.find_generation(point) if self.study and self.search.adapts else None
            try:
                new += self.planner.extend(plan, [TrialRequest(point, self.search.seeds, generation)])
            except SpaceError as error:
                self._say("a proposal that cannot be trained counts as failed: " + "; ".join(error.problems))
        return new

    def _add_seeds(self, plan: Plan, seeds: list[tuple[str, int]]) -> list[int]:
        """Plan further seeds for configurations that the plan already contains."""
        first: dict[str, PlannedTrial] = {}
        for trial in plan.trials:
            if trial.kind == "trial":
                first.setdefault(trial.configuration, trial)
        requests = [
            TrialRequest(_rebuild_point(first[name]), (seed,), first[name].generation)
            for name, seed in seeds
            if name in first
        ]
        return self.planner.extend(plan, requests) if requests else []

    def _read_results(self, plan: Plan) -> dict[str, dict[int, Row | None]]:
        results: dict[str, dict[int, Row | None]] = defaultdict(dict)
        for trial in plan.trials:
            if trial.kind == "trial":
                results[trial.configuration][trial.replicate] = self.store.read_result(trial.id, trial.final)
        return results

    def _summarize_outcomes(self, plan: Plan, points: list[AxisPoint]) -> list[Outcome]:
        results = self._read_results(plan)
        names = {canonical(trial.values): trial.configuration for trial in plan.trials if trial.kind == "trial"}
        wanted = [names.get(canonical({path: choice.value for path, choice in point.items()}), "") for point in points]
        return [outcome(self.search, name, results.get(name, {})) for name in wanted]


def _describe_seeds(plan: Plan, seeds: list[tuple[str, int]], why: str) -> str:
    configurations = len({trial.configuration for trial in plan.trials if trial.kind == "trial"})
    wanting, most = len({name for name, _ in seeds}), 1 + max(seed for _, seed in seeds)
    added = format_count(len(seeds), "seed")
    of = f"{wanting} of {format_count(configurations, 'configuration')}"
    return f"{added} added for {of}, which then {'has' if wanting == 1 else 'have'} up to {most}: {why}."


def _describe_generation(plan: Plan, new: list[int]) -> str:
    generation = plan.trials[new[-1]].generation
    which = "" if generation is None else f": generation {generation + 1}"
    return f"{format_count(len(new), 'training')} added{which}."


def _rebuild_point(trial: PlannedTrial) -> AxisPoint:
    return {path: Choice(label=label, value=trial.values[path]) for path, label in trial.axes.items()}
