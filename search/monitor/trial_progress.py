"""The progress of one training according to its records; it is read often while the training runs, without torch."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

from search.monitor.cost_model import Costs
from search.monitor.epoch_progress import EpochProgress, read_epoch_progress
from search.monitor.jsonl_tail import JsonlTail
from search.store.remote import stat_version
from trainers.best import BEGINS, CLEAN, ROBUST, replaces_best
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, is_cost_row, is_epoch_row, read_json
from trainers.record_shapes import check_result
from trainers.records import find_constant_class
from trainers.rhythm import is_due

FINAL = ("completed", "diverged")
ENDED = (*FINAL, "stopped")  # a stopped training may be resumed
DAMAGED = "damaged"  # it ended, but its result cannot be read; the command that ran the sweep makes it again
RECENT = 20  # epochs


class Throughput(NamedTuple):
    """The speed of one process over its newest epochs, or of several processes together."""

    epochs: float  # a second
    images: float  # a second


class TrialProgress:
    """One training: its status, its newest and best epoch, and its costs."""

    def __init__(
        self, folder: Place, name: str, final: str, damage: Damage | None = None, every: int = 1, planned: int = 0
    ) -> None:
        """Follow a training whose last state is named `final`; damaged records are noted in `damage`.

        It is evaluated each `every` epochs and after the last of the `planned` ones.
        """
        self.folder, self.name, self.final = folder, name, final
        self._every, self._planned = every, planned
        self._damage = Damage() if damage is None else damage
        self.status = "planned"
        self.epochs = 0  # recorded epochs, whichever training computed them
        self.latest: Row = {}  # the newest epoch
        self.measured: Row = {}  # the newest epoch with a validation
        self.best: Row = {}  # the best epoch, with its validation
        self._first = 0  # first epoch that may be the best
        self.running_epoch = EpochProgress()  # of the epoch after the newest
        self.constant = False  # whether its final network predicts one class for every image
        self.changed = 0.0  # when its records last changed, in seconds since the epoch
        self._rows = JsonlTail(folder / "epochs.jsonl", is_epoch_row, self._damage)
        self._cost_rows = JsonlTail(folder / "cost.jsonl", is_cost_row, self._damage)
        self._reset_costs()

    def update(self, since: float = 0.0) -> None:
        """Read what is new. An error file older than `since` is of an earlier attempt and is ignored."""
        result, self.status = _read_result(self.folder, self.final, since, self._damage)
        self._update_costs()
        if result and self.status in FINAL:
            self.epochs, self.best = result.get("epochs", 0), result.get("best", {})
            self.constant = any(find_constant_class(result, checkpoint) is not None for checkpoint in ("best", "last"))
        else:
            self._update_epochs()

    @property
    def comparable(self) -> Costs:
        """The costs that others are estimated by: only a completed training was evaluated at its end."""
        return self.billed if self.status == "completed" else replace(self.billed, final=0.0, final_evaluations=0)

    @property
    def throughput(self) -> Throughput:
        seconds = sum(row.get("seconds", 0.0) + row.get("evaluate_seconds", 0.0) for row in self._recent)
        if seconds <= 0:
            return Throughput(0.0, 0.0)
        images = sum(row["images_per_s"] * row.get("seconds", 0.0) for row in self._recent)
        return Throughput(len(self._recent) / seconds, images / seconds)

    def _update_epochs(self) -> None:
        replaced, rows = self._rows.read_new()
        self.changed = max(self.changed, self._rows.changed)
        if replaced:
            self.epochs, self.latest, self.measured, self.best, self._first = 0, {}, {}, {}, 0
        self.epochs += len(rows)
        self.running_epoch = read_epoch_progress(self.folder, self.epochs)
        for row in rows:
            self.latest = row
            self._first = row.get(BEGINS, self._first)
            if all(name in row for name in (CLEAN, ROBUST)):
                self.measured = row
                self.best = row if replaces_best(row, self.best or None, self._first) else self.best

    def _update_costs(self) -> None:
        replaced, rows = self._cost_rows.read_new()
        self.changed = max(self.changed, self._cost_rows.changed)
        if replaced:
            self._reset_costs()
        for row in rows:
            billed = row.get("by", self.name) == self.name
            is_evaluated = "epoch" in row and is_due(self._every, row["epoch"], self._planned)
            (self.billed if billed else self.shared).add(row, is_evaluated)
            if billed and "images_per_s" in row:
                self._recent.append(row)

    def _reset_costs(self) -> None:
        self.billed, self.shared = Costs(), Costs()  # of epochs that it computed, and that it copied from others
        self._recent: deque[Row] = deque(maxlen=RECENT)


def read_status(folder: Place, final: str, since: float = 0.0) -> str:
    """Return a training's status by its records.

    It is completed, diverged, stopped, failed, begun (there are epochs), damaged or planned.
    """
    return _read_result(folder, final, since, Damage())[1]


def _read_result(folder: Place, final: str, since: float, damage: Damage) -> tuple[Row | None, str]:
    """Return the result of a training, None if it has none, and its status."""
    path, torn = folder / "result.json", Damage()
    result = read_json(path, check_result, torn)
    damage.update(torn)
    if result:
        return result, str(result["status"]) if result.get("chain") == final else "planned"
    if (error := stat_version(folder / "error.txt")) and error.modified >= since:
        return None, "failed"
    if torn:
        return None, DAMAGED
    return None, "begun" if (folder / "epochs.jsonl").exists() else "planned"
