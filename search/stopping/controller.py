"""How far trainings may go while others are compared with them: the referee's decisions, carried to the schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from search.planning.plan import Plan, PlannedTrial
from search.planning.schedule import Schedule
from search.schema.stopping import RobustStopping
from search.stopping.curves import Candidate, Curve, Entry, Objectives, curve
from search.stopping.decisions import Decision, DecisionState, Journal
from search.stopping.robust_rule import decide, near_front, own_curve_stop, stands, train_limit
from search.store.store import Store
from trainers.evaluate import Evaluation
from trainers.reading import Damage, is_epoch_row, read_rows
from trainers.record_io import Place, Row


class Steering:
    """Lets a sweep's trials run to where they are judged, and ends those that are to stop.

    What it knows comes from records and the referee's journal, so that a resumed sweep is steered alike.
    """

    def __init__(
        self, folder: Place, plan: Plan, knobs: RobustStopping, classes: Callable[[PlannedTrial], int]
    ) -> None:
        """Reads the journal of decisions. Raises search.exceptions.DamagedJournal."""
        self.plan, self._classes, self.store = plan, classes, Store(folder)
        self.referee = Referee(folder, knobs, plan.evaluation, plan.objectives)
        self._of: dict[str, list[int]] = defaultdict(list)  # the trials of a configuration
        self._known: set[int] = set()

    def enter(self, places: Iterable[int]) -> None:
        """Trials of the plan that are or were trained, with what is recorded of them; the others wait for them."""
        new = [i for i in places if self.plan.trials[i].kind == "trial" and i not in self._known]
        self._known.update(new)
        trials = [self.plan.trials[i] for i in new]
        self.referee.enter(self._entry(trial) for trial in trials)
        for i, trial in zip(new, trials, strict=True):
            self._of[trial.configuration].append(i)
            folder = self.store.trial(trial.id)
            result = self.store.result(trial.id, trial.final) or {}
            rows = read_rows(folder / "epochs.jsonl", is_epoch_row)
            self.referee.heard(trial.id, rows, result.get("diverged", {}).get("epoch"))

    def dropped(self, places: Iterable[int]) -> None:
        """Trials that will not be trained after all."""
        for i in self._known.intersection(places):
            self.referee.lost(self.plan.trials[i].id)

    def open(self, trial: PlannedTrial, result: Row) -> bool:
        """Whether a trial that was stopped is trained on after all."""
        return result["status"] == "stopped" and trial.configuration in self.referee.taken.finished

    def steer(self, schedule: Schedule) -> None:
        """From now on the schedule goes by the referee, who has heard of all that happened."""
        self.referee.decisions()
        schedule.epoch_limit = self._limit
        for i in schedule.unfinished:
            self._stop(schedule, i)
        schedule.requeue(list(schedule.unfinished))

    def reported(self, schedule: Schedule, i: int, rows: list[Row]) -> None:
        """A trial has further rows, which may decide something."""
        trial = self.plan.trials[i]
        if i in self._known and any("val_pgd_acc" in row for row in rows):
            self.referee.heard(trial.id, rows)
            self._act(schedule, trial.configuration)

    def over(self, schedule: Schedule, i: int, outcome: str) -> None:
        """A trial ended, well or not."""
        trial = self.plan.trials[i]
        if i not in self._known or outcome not in ("diverged", "failed", "lost"):
            return
        if outcome == "diverged":
            result = self.store.result(trial.id, trial.final) or {}
            self.referee.heard(trial.id, (), result.get("diverged", {}).get("epoch"))
        else:
            self.referee.lost(trial.id)
        self._act(schedule, trial.configuration)

    def finish(self, schedule: Schedule) -> list[int]:
        """Once nothing is left to do: the trials that are taken up again, since they lie near a front."""
        names = {it.configuration for it in self.referee.finish()}
        again = [i for name in sorted(names) for i in self._of[name]]
        again = [i for i in again if self.open(self.plan.trials[i], self._result(i))]
        for i in again:
            schedule.stops.pop(i, None)
        return again

    def _result(self, i: int) -> Row:
        trial = self.plan.trials[i]
        return self.store.result(trial.id, trial.final) or {"status": None}

    def _act(self, schedule: Schedule, configuration: str) -> None:
        touched = set(self._of[configuration])
        for decision in self.referee.decisions():
            touched.update(self._of[decision.configuration])
        for i in touched & schedule.unfinished:
            self._stop(schedule, i)
        schedule.requeue(sorted(touched))

    def _stop(self, schedule: Schedule, i: int) -> None:
        trial = self.plan.trials[i]
        if i in self._known and (why := self.referee.why(trial.configuration)):
            schedule.stops[i] = {"epoch": why.epochs, "rule": why.rule, "reason": why.reason}

    def _limit(self, i: int) -> int:
        trial = self.plan.trials[i]
        return self.referee.limit(trial.id) if i in self._known else trial.config.epochs

    def _entry(self, trial: PlannedTrial) -> Entry:
        group = "" if trial.generation is None else str(trial.generation)
        return Entry(trial.id, trial.configuration, trial.config, self._classes(trial), group, trial.start is None)


JOURNAL = "stopping.jsonl"


class Referee:
    """Where stopping stands in one sweep."""

    def __init__(self, folder: Place, knobs: RobustStopping, evaluation: Evaluation, objectives: Objectives) -> None:
        """Reads the sweep's journal. Raises DamagedJournal."""
        self.knobs, self.evaluation, self.objectives = knobs, evaluation, objectives
        self._journal = Journal(folder / JOURNAL)
        self._entries: dict[str, Entry] = {}  # by training: that of its configuration's first seed
        self._first: dict[str, Entry] = {}
        self._curves: dict[str, dict[str, Curve]] = defaultdict(dict)  # configuration -> training -> heard of it
        self._contestants: dict[str, Candidate] = {}  # by configuration, as are the next four
        self._rungs: dict[str, tuple[int, ...]] = {}
        self._ends: dict[str, Decision | None] = {}
        self._horizons: dict[str, int] = {}
        self._lost: set[str] = set()
        self._touched: set[tuple] = set()  # contests in which something was heard since they were judged
        self._contests: dict[tuple, dict[str, None]] = defaultdict(dict)  # configurations that are judged together
        self._problems: dict[str, dict[str, None]] = defaultdict(dict)  # ... that share a front

    def enter(self, entries: Iterable[Entry]) -> None:
        """Trainings that there are from now on; a grid, or a generation, enters whole before it is heard of."""
        for each in entries:
            entry = self._first.setdefault(each.configuration, each)
            self._entries[each.training] = entry
            self._curves[each.configuration].setdefault(each.training, Curve())
            self._contests[entry.contest][each.configuration] = None
            self._problems[entry.problem][each.configuration] = None
            self._update(entry)

    def heard(self, training: str, rows: Iterable[Row], diverged: int | None = None) -> None:
        """Rows of a training's record, new or all, and the epoch in which it diverged if it did."""
        entry = self._entries[training]
        known = self._curves[entry.configuration][training]
        points = {point.epoch: point for point in (*known.points, *curve(rows, self.objectives).points)}
        ended = known.diverged if diverged is None else diverged
        self._curves[entry.configuration][training] = Curve(tuple(points[epoch] for epoch in sorted(points)), ended)
        self._update(entry)

    def lost(self, training: str) -> None:
        """A training failed for good: its configuration is no longer judged, waited for, or measured by."""
        entry = self._entries[training]
        self._lost.add(entry.configuration)
        self._touched.add(entry.contest)

    def limit(self, training: str) -> int:
        """How many epochs a training may have now: to its stop, to what is decided next, or to its end."""
        name = self._entries[training].configuration
        each = self._contestants[name]
        if name in self._lost or name in self.taken.finished or (name, each.epochs) in self.taken.passed:
            return each.epochs
        if name in self.stopped:
            return self.stopped[name]
        undecided = (n for n in self._rungs[name] if (name, n) not in self.taken.passed)
        return min(next(undecided, each.epochs), self._horizons[name])

    @property
    def damage(self) -> Damage:
        """What of the journal was damaged, and is decided again."""
        return self._journal.damage

    @property
    def taken(self) -> DecisionState:
        """What all decisions so far come to."""
        return self._journal.taken

    def why(self, configuration: str) -> Decision | None:
        """The decision by which a configuration ends early, if it does."""
        return None if configuration in self.taken.finished else self.taken.why.get(configuration)

    @property
    def stopped(self) -> dict[str, int]:
        """Configurations that ended before their last epoch, finished ones not among them: after how many."""
        return {name: n for name, n in self.taken.stops.items() if name not in self.taken.finished}

    def decisions(self) -> list[Decision]:
        """What can be decided now and was not before; on disk on return. Raises OSError when that is full."""
        new: list[Decision] = []
        for key in sorted(self._touched):
            contest = self._present(self._contests[key])
            ends = {each.name: self._ends[each.name] for each in contest}
            new += decide(contest, ends, self.taken, self.knobs, self.objectives)
        self._journal.take(new)
        self._touched.clear()
        return new

    def finish(self) -> list[Decision]:
        """Once all has ended or stopped: what is trained to its end after all; decided and on disk as the others."""
        new: list[Decision] = []
        for names in self._problems.values():
            new += near_front(self._present(names), self.taken, self.knobs, self.objectives)
        self._journal.take(new)
        return new

    def _present(self, names: Iterable[str]) -> list[Candidate]:
        return [self._contestants[name] for name in names if name not in self._lost]

    def _update(self, entry: Entry) -> None:
        name = entry.configuration
        each = entry.contestant(self.evaluation, self._curves[name].values())
        if name not in self._rungs:
            heights = self.knobs.heights(each.epochs, each.measured)
            self._rungs[name] = tuple(n for n in heights if stands(each, n))
        self._contestants[name] = each
        self._ends[name] = own_curve_stop(each, self.knobs, self.objectives)
        self._horizons[name] = train_limit(each, self.knobs)
        self._touched.add(entry.contest)
