"""Applies a stopping rule to a sweep that runs: from the trials' records to decisions, and to the schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from search.planning.plan import Plan, PlannedTrial
from search.planning.schedule import Schedule
from search.stopping.curves import Candidate, Curve, TrialInfo, read_curve
from search.stopping.decisions import JOURNAL, Decision, DecisionState, Journal
from search.store.store import Store
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, is_epoch_row, read_rows


class StoppingController:
    """Lets trials train to where they are compared, and ends those that stop.

    All that it knows comes from records and from the journal of decisions, so that a resumed sweep decides the same.
    """

    def __init__(self, folder: Place, plan: Plan, classes: Callable[[PlannedTrial], int]) -> None:
        """Read the journal of decisions. Raises search.exceptions.DamagedJournal."""
        self.plan, self.rule, self._classes, self._store = plan, plan.stopping, classes, Store(folder)
        self._journal = Journal(folder / JOURNAL)
        self._known: set[int] = set()  # places in the plan of trials that were added
        self._places: dict[str, list[int]] = defaultdict(list)  # configuration -> places of its trials
        self._infos: dict[str, TrialInfo] = {}  # trial -> what is known of its configuration's first seed
        self._first: dict[str, TrialInfo] = {}  # the same by configuration
        self._curves: dict[str, dict[str, Curve]] = defaultdict(dict)  # configuration -> trial -> curve
        self._candidates: dict[str, Candidate] = {}  # by configuration
        self._lost: set[str] = set()  # configurations with a trial that failed for good
        self._groups: dict[tuple, dict[str, None]] = defaultdict(dict)  # configurations that are compared
        self._problems: dict[str, dict[str, None]] = defaultdict(dict)  # configurations that share a front
        self._touched: set[tuple] = set()  # groups in which something was observed since they were judged

    @property
    def damage(self) -> Damage:
        """The damaged parts of the journal; their decisions are made again."""
        return self._journal.damage

    # the plan and the schedule

    def add_trials(self, places: Iterable[int]) -> None:
        """Add trials of the plan that are or were trained, with what is recorded of them; the others wait for them."""
        new = [i for i in places if self.plan.trials[i].kind == "trial" and i not in self._known]
        self._known.update(new)
        self.add([self._info(self.plan.trials[i]) for i in new])
        for i in new:
            trial = self.plan.trials[i]
            self._places[trial.configuration].append(i)
            rows = read_rows(self._store.trial_folder(trial.id) / "epochs.jsonl", is_epoch_row)
            self.observe(trial.id, rows, self._diverged(trial))

    def drop_trials(self, places: Iterable[int]) -> None:
        """Drop trials that will not be trained after all."""
        for i in self._known.intersection(places):
            self.discard(self.plan.trials[i].id)

    def is_resumed(self, trial: PlannedTrial, result: Row) -> bool:
        """Return whether a trial that was stopped is trained on after all."""
        return result["status"] == "stopped" and trial.configuration in self.state.finished

    def attach(self, schedule: Schedule) -> None:
        """Decide what can be decided now, and set the limits and stops of the schedule from now on."""
        self.decide()
        schedule.epoch_limit = self._limit_place
        for i in schedule.unfinished:
            self._stop_place(schedule, i)
        schedule.requeue(list(schedule.unfinished))

    def on_report(self, schedule: Schedule, i: int, rows: list[Row]) -> None:
        """Take further rows of a trial, which may lead to decisions."""
        trial = self.plan.trials[i]
        if i in self._known and any("val_pgd_acc" in row for row in rows):
            self.observe(trial.id, rows)
            self._apply(schedule, trial.configuration)

    def on_end(self, schedule: Schedule, i: int, outcome: str) -> None:
        """Take the end of a trial. One that diverged, failed or was lost may let the others go on."""
        trial = self.plan.trials[i]
        if i not in self._known or outcome not in ("diverged", "failed", "lost"):
            return
        if outcome == "diverged":
            self.observe(trial.id, (), self._diverged(trial))
        else:
            self.discard(trial.id)
        self._apply(schedule, trial.configuration)

    def resume_trials(self, schedule: Schedule) -> list[int]:
        """Resume stopped trials that lie near a front, once nothing else is left; return their places in the plan."""
        names = {decision.configuration for decision in self.resume_stopped()}
        again = []
        for i in (i for name in sorted(names) for i in self._places[name]):
            trial = self.plan.trials[i]
            result = self._store.read_result(trial.id, trial.final)
            if result and self.is_resumed(trial, result):
                schedule.stops.pop(i, None)
                again.append(i)
        return again

    def _apply(self, schedule: Schedule, configuration: str) -> None:
        """Decide, and let the schedule look again at the configuration and at those that were decided about."""
        touched = set(self._places[configuration])
        for decision in self.decide():
            touched.update(self._places[decision.configuration])
        for i in touched & schedule.unfinished:
            self._stop_place(schedule, i)
        schedule.requeue(sorted(touched))

    def _stop_place(self, schedule: Schedule, i: int) -> None:
        trial = self.plan.trials[i]
        if i in self._known and (stop := self.stop_of(trial.configuration)):
            schedule.stops[i] = {"epoch": stop.epochs, "rule": stop.rule, "reason": stop.reason}

    def _limit_place(self, i: int) -> int:
        trial = self.plan.trials[i]
        return self.limit(trial.id) if i in self._known else trial.config.epochs

    def _diverged(self, trial: PlannedTrial) -> int | None:
        result = self._store.read_result(trial.id, trial.final) or {}
        epoch: int | None = result.get("diverged", {}).get("epoch")
        return epoch

    def _info(self, trial: PlannedTrial) -> TrialInfo:
        generation = "" if trial.generation is None else str(trial.generation)
        return TrialInfo(
            trial.id, trial.configuration, trial.config, self._classes(trial), generation, trial.start is None
        )

    # candidates and decisions

    def add(self, infos: Iterable[TrialInfo]) -> None:
        """Add trials; a grid, or a generation, is added whole before anything of it is observed."""
        for info in infos:
            first = self._first.setdefault(info.configuration, info)
            self._infos[info.trial] = first
            self._curves[info.configuration].setdefault(info.trial, Curve())
            self._groups[first.group][info.configuration] = None
            self._problems[first.problem][info.configuration] = None
            self._update(first)

    def observe(self, trial: str, rows: Iterable[Row], diverged: int | None = None) -> None:
        """Take rows of a trial's record, new or all, and the epoch in which it diverged if it did."""
        first = self._infos[trial]
        known = self._curves[first.configuration][trial]
        read = read_curve(rows, self.plan.objectives)
        points = {point.epoch: point for point in (*known.points, *read.points)}
        ended = known.diverged if diverged is None else diverged
        self._curves[first.configuration][trial] = Curve(tuple(points[epoch] for epoch in sorted(points)), ended)
        self._update(first)

    def discard(self, trial: str) -> None:
        """Leave out a configuration with a trial that failed for good: neither judged, nor waited for or compared."""
        first = self._infos[trial]
        self._lost.add(first.configuration)
        self._touched.add(first.group)

    def limit(self, trial: str) -> int:
        """Return how many epochs a trial may have now: to its stop, to what is decided next, or to its end."""
        candidate = self._candidates[self._infos[trial].configuration]
        name, epochs = candidate.name, candidate.epochs
        if name in self._lost or name in self.state.finished or (name, epochs) in self.state.passed:
            return epochs
        if (stop := self.stop_of(name)) is not None:
            return stop.epochs
        return self.rule.limit(candidate, self.state)

    @property
    def state(self) -> DecisionState:
        """The state after all decisions so far."""
        return self._journal.state

    def stop_of(self, configuration: str) -> Decision | None:
        """Return the decision by which a configuration stops, unless it is finished after all."""
        return None if configuration in self.state.finished else self.state.why.get(configuration)

    def decide(self) -> list[Decision]:
        """Decide all that can be decided now; on disk on return. Raises OSError when the disk is full."""
        new: list[Decision] = []
        for group in sorted(self._touched):
            new += self.rule.decide(self._present(self._groups[group]), self.state)
        self._journal.append(new)
        self._touched.clear()
        return new

    def resume_stopped(self) -> list[Decision]:
        """Decide, once all trials have ended or stopped, which are trained to their ends after all; on disk on return.

        Raises OSError when the disk is full.
        """
        new: list[Decision] = []
        for names in self._problems.values():
            new += self.rule.resume_stopped(self._present(names), self.state)
        self._journal.append(new)
        return new

    def _present(self, names: Iterable[str]) -> list[Candidate]:
        return [self._candidates[name] for name in names if name not in self._lost]

    def _update(self, first: TrialInfo) -> None:
        name = first.configuration
        curves = self._curves[name].values()
        self._candidates[name] = first.candidate(self.plan.evaluation, curves, self.plan.objectives)
        self._touched.add(first.group)
