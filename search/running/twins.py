"""Twins: trials of a plan that are one and the same training. It is trained once, and all of them have its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from search.planning.jobs import Job
from search.planning.plan import Plan
from search.running.borrowing import adopt
from search.storing.store import Store
from trainers.record_io import Row


class Twins:
    """Who trains for whom: the first of a plan's trials that have the same last state trains for all of them."""

    def __init__(self, store: Store, plan: Plan, renamed: Mapping[str, str], job: Callable[[int], Job]) -> None:
        """`renamed`: trainings that the folder holds under ids that the plan has not, by their last states."""
        self._store, self._plan, self._renamed, self._job = store, plan, renamed, job
        self._same: dict[str, list[int]] = defaultdict(list)  # by last state
        self._known = 0

    def first(self, i: int) -> int:
        """Who trains the i-th training of the plan."""
        return self._all(i)[0]

    def of(self, i: int) -> list[int]:
        """Whom a training is trained for besides itself."""
        return self._all(i)[1:]

    def adopt(self) -> None:
        """Give each what the same training has come to, under whichever name."""
        ended: dict[str, str] = {}
        results = [self._store.result(trial.id, trial.final) for trial in self._plan.trials]
        for trial, result in zip(self._plan.trials, results, strict=True):
            if result and (result["status"] != "stopped" or trial.final not in ended):
                ended[trial.final] = trial.id
        for i, trial in enumerate(self._plan.trials):
            source = ended.get(trial.final) or self._renamed.get(trial.final)
            if source and source != trial.id:
                self._give(source, i, results[i])

    def ended(self, i: int) -> None:
        """A training has its result: so have those that it was trained for."""
        for j in self.of(i):
            twin = self._plan.trials[j]
            self._give(self._plan.trials[i].id, j, self._store.result(twin.id, twin.final))

    def _give(self, source: str, i: int, known: Row | None) -> None:
        """One that was stopped has what it came to once it is trained to its end after all."""
        its = self._store.result(source, self._plan.trials[i].final)
        if its and (known is None or (known["status"] == "stopped" and its["status"] != "stopped")):
            adopt(self._store, source, self._job(i))

    def _all(self, i: int) -> list[int]:
        for j in range(self._known, len(self._plan.trials)):  # a plan grows at its end
            self._same[self._plan.trials[j].final].append(j)
        self._known = len(self._plan.trials)
        return self._same[self._plan.trials[i].final]
