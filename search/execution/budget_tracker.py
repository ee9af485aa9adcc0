"""The cost of a sweep, computed from its records alone, and its budget: a sweep stops once its budget is used up."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from search.execution.job_queue import JobQueue
from search.planning.plan import Plan
from search.schema.budget import Budget, format_budget
from trainers.record_io import Place, Row
from trainers.record_reader import is_cost_row, is_epoch_row, read_json, read_rows
from trainers.record_shapes import check_provenance


class SweepCost(NamedTuple):
    """The cost of a sweep in the units of its budget that no plan can predict."""

    passes: float = 0
    gpu_hours: float = 0.0
    wall: float = 0.0


class TrainingRecords(NamedTuple):
    """The records of one training that has begun."""

    epochs: list[Row]  # epochs.jsonl
    costs: list[Row]  # cost.jsonl


def read_training_records(folder: Place) -> dict[str, TrainingRecords]:
    """Read the records of all trainings of a sweep that have begun, by id."""
    return {
        path.name: TrainingRecords(
            read_rows(path / "epochs.jsonl", is_epoch_row), read_rows(path / "cost.jsonl", is_cost_row)
        )
        for path in sorted((folder / "trials").glob("*/"))
    }


def compute_cost(trainings: Mapping[str, TrainingRecords], gpus: float, runs: Iterable[Row]) -> SweepCost:
    """Sum the recorded cost; `gpus` is the share of each training, `runs` are the runs of provenance.json.

    The records of a training begin with the epochs that it took over from another; each epoch counts where it was
    trained. Work lost by a kill, and the time of a killed run, are in no record.
    """
    passes, seconds = 0, 0.0
    for name, training in trainings.items():
        costs = [row for row in training.costs if row.get("by", name) == name]
        trained = {row["epoch"] for row in costs if "epoch" in row}
        passes += sum(
            row.get("forwards", 0) + row.get("backwards", 0) for row in training.epochs if row["epoch"] in trained
        )
        seconds += sum(
            value for row in costs for key, value in row.items() if key == "seconds" or key.endswith("_seconds")
        )
    wall = sum(run.get("wall_seconds") or 0.0 for run in runs)
    return SweepCost(passes, seconds * gpus / 3600, wall)


def find_exceeded_budget(budget: Budget, cost: SweepCost) -> str | None:
    """Return a sentence that names the first budget that is used up; None if none is."""
    for unit, used in cost._asdict().items():
        allowed = getattr(budget, unit)
        if allowed is not None and used >= allowed:
            return f"the budget of {format_budget(unit, allowed)} is used up"
    return None


def count_affordable(budget: Budget, epochs: Sequence[int]) -> int:
    """Return the number of leading trainings of a plan that the budgets of trials and epochs cover.

    `epochs` are those that each training adds to the previous ones. Only these two budgets are known beforehand: a
    plan cut to them is the same however many trainings run at once. `find_exceeded_budget` checks the others during
    the run.
    """
    total = 0
    for i, more in enumerate(epochs):
        total += more
        if i >= (budget.trials or math.inf) or total > (budget.epochs or math.inf):
            return i
    return len(epochs)


class BudgetTracker:
    """The budget of a running sweep."""

    def __init__(self, budget: Budget, folder: Place) -> None:
        self.budget, self._folder = budget, folder
        self.gpus_per_training = 0.0
        self._began = time.monotonic()
        self._next_check = 0.0  # reading all records takes a while

    def count_affordable(self, plan: Plan) -> int:
        """Return the number of leading trainings of a plan that the budgets of trials and epochs cover."""
        return count_affordable(self.budget, plan.tree.new_epochs.tolist())

    def stop_if_used_up(self, queue: JobQueue) -> str | None:
        """Stop the queue if the budget is used up: running trainings end their epoch, and none starts any more.

        Returns the budget in words, or None if there is some left or the queue has stopped for another reason.
        """
        if queue.failure is None:
            queue.failure = self._find_exhausted_budget()
            return queue.failure
        return None

    def _find_exhausted_budget(self) -> str | None:
        """Return the budget that the recorded cost has used up, if any. The records are read only now and then."""
        now = time.monotonic()
        if now < self._next_check or not (self.budget.passes or self.budget.gpu_hours or self.budget.wall):
            return None
        provenance = read_json(self._folder / "provenance.json", check_provenance)
        runs = [*(provenance["runs"] if provenance else ()), {"wall_seconds": now - self._began}]
        cost = compute_cost(read_training_records(self._folder), self.gpus_per_training, runs)
        self._next_check = time.monotonic() + max(1.0, 20 * (time.monotonic() - now))
        return find_exceeded_budget(self.budget, cost)

    def find_shortfall(self, plan: Plan) -> str | None:
        """Return the budget of trials or epochs that does not cover the whole plan, if there is one."""
        affordable = self.count_affordable(plan)
        if affordable == len(plan.trials):
            return None
        unit = "trials" if affordable == self.budget.trials else "epochs"
        return f"the budget of {format_budget(unit, getattr(self.budget, unit))} is used up"
