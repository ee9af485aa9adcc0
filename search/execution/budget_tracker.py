"""What a sweep has cost, from its records alone, against what it may cost."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from search.planning.plan import Plan
from search.schema.budget import Budget, format_budget
from trainers.reading import is_cost_row, is_epoch_row, read_json, read_rows
from trainers.record_io import Place, Row
from trainers.shapes import check_provenance


class Spent(NamedTuple):
    """What a sweep has cost, in those units of its budget that no plan foretells."""

    passes: float = 0
    gpu_hours: float = 0.0
    wall: float = 0.0


class Training(NamedTuple):
    """The records of one training that has begun."""

    epochs: list[Row]  # epochs.jsonl
    costs: list[Row]  # cost.jsonl


def recorded(folder: Place) -> dict[str, Training]:
    """All trainings of a sweep that have begun, by their ids."""
    return {
        path.name: Training(read_rows(path / "epochs.jsonl", is_epoch_row), read_rows(path / "cost.jsonl", is_cost_row))
        for path in sorted((folder / "trials").glob("*/"))
    }


def spent(trainings: Mapping[str, Training], gpus: float, runs: Iterable[Row]) -> Spent:
    """What is on record; `gpus` is each training's share, `runs` are those of provenance.json.

    A training's record begins with the epochs that it took over from another: each epoch counts where it was trained.
    Work that a kill lost is in no record, nor the time of a run that was killed.
    """
    passes, seconds = 0, 0.0
    for name, training in trainings.items():
        own = [row for row in training.costs if row.get("by", name) == name]
        trained = {row["epoch"] for row in own if "epoch" in row}
        passes += sum(
            row.get("forwards", 0) + row.get("backwards", 0) for row in training.epochs if row["epoch"] in trained
        )
        seconds += sum(
            value for row in own for key, value in row.items() if key == "seconds" or key.endswith("_seconds")
        )
    wall = sum(run.get("wall_seconds") or 0.0 for run in runs)
    return Spent(passes, seconds * gpus / 3600, wall)


def exceeded(budget: Budget, so_far: Spent) -> str | None:
    """A sentence that names the first budget that is used up, if one is."""
    for unit, used in so_far._asdict().items():
        allowed = getattr(budget, unit)
        if allowed is not None and used >= allowed:
            return f"the budget of {format_budget(unit, allowed)} is used up"
    return None


def affordable(budget: Budget, epochs: Sequence[int]) -> int:
    """How many of a plan's trainings, in its order, the budgets of trials and epochs pay for.

    `epochs` are those that each adds to the ones before it. Only these two budgets are known beforehand: a plan that
    is cut to them is the same however many trainings run at once. The others are looked at on the way, by `exceeded`.
    """
    total = 0
    for i, more in enumerate(epochs):
        total += more
        if i >= (budget.trials or math.inf) or total > (budget.epochs or math.inf):
            return i
    return len(epochs)


class BudgetTracker:
    """A sweep's budget while it runs."""

    def __init__(self, budget: Budget, folder: Place) -> None:
        self.budget, self._folder = budget, folder
        self.gpus = 0.0  # each training's share
        self._began = time.monotonic()
        self._next = 0.0  # when to look again: reading all records takes a while

    def pays(self, plan: Plan) -> int:
        """For how many of a plan's trainings, in its order, the budgets of trials and epochs are enough."""
        return affordable(self.budget, plan.tree.new_epochs.tolist())

    def empty(self) -> str | None:
        """Which budget is used up by what is on record, if one is; looked at now and then."""
        now = time.monotonic()
        if now < self._next or not (self.budget.passes or self.budget.gpu_hours or self.budget.wall):
            return None
        provenance = read_json(self._folder / "provenance.json", check_provenance)
        runs = [*(provenance["runs"] if provenance else ()), {"wall_seconds": now - self._began}]
        so_far = spent(recorded(self._folder), self.gpus, runs)
        self._next = time.monotonic() + max(1.0, 20 * (time.monotonic() - now))
        return exceeded(self.budget, so_far)

    def short(self, plan: Plan) -> str | None:
        """The budget that does not pay for all of a plan, if one does not."""
        n = self.pays(plan)
        if n == len(plan.trials):
            return None
        unit = "trials" if n == self.budget.trials else "epochs"
        return f"the budget of {format_budget(unit, getattr(self.budget, unit))} is used up"
