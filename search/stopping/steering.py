"""How far trainings may go while others are compared with them: the referee's decisions, carried to the schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from search.planning.plan import Plan, Planned
from search.planning.schedule import Schedule
from search.schema.stopping import RobustStopping
from search.stopping.entry import Entry
from search.stopping.referee import Referee
from search.storing.store import Store
from trainers.reading import is_epoch_row, read_rows
from trainers.records import Place, Row


class Steering:
    """Lets a sweep's trials run to where they are judged, and ends those that are to stop.

    What it knows comes from records and the referee's journal, so that a resumed sweep is steered alike.
    """

    def __init__(self, folder: Place, plan: Plan, knobs: RobustStopping, classes: Callable[[Planned], int]) -> None:
        """Reads the journal of decisions. Raises search.stopping.decisions.Damaged."""
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

    def open(self, trial: Planned, result: Row) -> bool:
        """Whether a trial that was stopped is trained on after all."""
        return result["status"] == "stopped" and trial.configuration in self.referee.taken.finished

    def steer(self, schedule: Schedule) -> None:
        """From now on the schedule goes by the referee, who has heard of all that happened."""
        self.referee.decisions()
        schedule.limit = self._limit
        for i in schedule.open:
            self._stop(schedule, i)
        schedule.again(list(schedule.open))

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
        for i in touched & schedule.open:
            self._stop(schedule, i)
        schedule.again(sorted(touched))

    def _stop(self, schedule: Schedule, i: int) -> None:
        trial = self.plan.trials[i]
        if i in self._known and (why := self.referee.why(trial.configuration)):
            schedule.stops[i] = {"epoch": why.epochs, "rule": why.rule, "reason": why.reason}

    def _limit(self, i: int) -> int:
        trial = self.plan.trials[i]
        return self.referee.limit(trial.id) if i in self._known else trial.config.epochs

    def _entry(self, trial: Planned) -> Entry:
        group = "" if trial.generation is None else str(trial.generation)
        return Entry(trial.id, trial.configuration, trial.config, self._classes(trial), group, trial.start is None)
