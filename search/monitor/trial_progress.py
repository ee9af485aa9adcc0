"""What the records of one training say of it so far; read again and again while it goes on, and torch is not needed."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from search.monitor.cost_model import Costs
from search.monitor.epoch_progress import Partial, partial
from search.monitor.jsonl_tail import JsonlTail
from search.store.remote import stat_version
from trainers.best import BEGINS, CLEAN, ROBUST, replaces_best
from trainers.reading import Damage, is_cost_row, is_epoch_row, read_json
from trainers.record_io import Place, Row
from trainers.records import constant
from trainers.shapes import check_result

FOR_GOOD = ("completed", "diverged")
ENDED = (*FOR_GOOD, "stopped")  # which may be taken up again
DAMAGED = "damaged"  # it ended, as its result would tell: the same command makes that again
RECENT = 20  # epochs


class Speed(NamedTuple):
    """Of one process, over the newest epochs."""

    epochs: float  # a second
    images: float  # a second


class TrialProgress:
    """One training: its status, its newest row, where its validation stands, what it cost alone and billed."""

    def __init__(self, folder: Place, name: str, final: str, damage: Damage | None = None) -> None:
        """`damage`: where it is noted what of its records is damaged."""
        self.folder, self.name, self.final = folder, name, final
        self._damage = Damage() if damage is None else damage
        self.status = "planned"
        self.epochs = 0  # recorded, whoever trained them
        self.latest: Row = {}
        self.measured: Row = {}  # the newest with a validation
        self.best: Row = {}  # validation at the best epoch
        self._first = 0  # epoch that may be the best
        self.partial = Partial()  # of the epoch behind the newest row
        self.constant = False  # whether it ended naming one class whatever the image
        self.heard = 0.0  # when its rows last changed, in seconds since the epoch
        self._rows = JsonlTail(folder / "epochs.jsonl", is_epoch_row, self._damage)
        self._cost_rows = JsonlTail(folder / "cost.jsonl", is_cost_row, self._damage)
        self._no_costs()

    def look(self, since: float = 0.0) -> None:
        """Read what is new. An error that is older than `since` is that of an earlier try."""
        result, self.status = _ending(self.folder, self.final, since, self._damage)
        self._look_at_costs()
        if result and self.status in FOR_GOOD:
            self.epochs, self.best = result.get("epochs", 0), result.get("best", {})
            self.constant = any(constant(result, checkpoint) is not None for checkpoint in ("best", "last"))
        else:
            self._look_at_epochs()

    @property
    def alone(self) -> Costs:
        """What it would have cost by itself, from scratch."""
        whole = Costs()
        whole += self.billed
        whole += self.shared
        return whole

    @property
    def speed(self) -> Speed:
        seconds = sum(row.get("seconds", 0.0) + row.get("evaluate_seconds", 0.0) for row in self._recent)
        if seconds <= 0:
            return Speed(0.0, 0.0)
        images = sum(row["images_per_s"] * row.get("seconds", 0.0) for row in self._recent)
        return Speed(len(self._recent) / seconds, images / seconds)

    def _look_at_epochs(self) -> None:
        anew, rows = self._rows.look()
        self.heard = self._rows.changed
        if anew:
            self.epochs, self.latest, self.measured, self.best, self._first = 0, {}, {}, {}, 0
        self.epochs += len(rows)
        self.partial = partial(self.folder, self.epochs)
        for row in rows:
            self.latest = row
            self._first = row.get(BEGINS, self._first)
            if all(name in row for name in (CLEAN, ROBUST)):
                self.measured = row
                self.best = row if replaces_best(row, self.best or None, self._first) else self.best

    def _look_at_costs(self) -> None:
        anew, rows = self._cost_rows.look()
        if anew:
            self._no_costs()
        for row in rows:
            mine = row.get("by", self.name) == self.name
            (self.billed if mine else self.shared).add(row)
            if mine and "images_per_s" in row:
                self._recent.append(row)

    def _no_costs(self) -> None:
        self.billed, self.shared = Costs(), Costs()  # of epochs that it trained itself, and that it took from others
        self._recent: deque[Row] = deque(maxlen=RECENT)


def status_of(folder: Place, final: str, since: float = 0.0) -> str:
    """completed, diverged, stopped, failed, begun (it has rows), damaged or planned, as a training's records say."""
    return _ending(folder, final, since, Damage())[1]


def _ending(folder: Place, final: str, since: float, damage: Damage) -> tuple[Row | None, str]:
    """The result of a training, if it has one, and its status."""
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
