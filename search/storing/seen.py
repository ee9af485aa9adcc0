"""What the records of one training say of it so far; read again and again while it goes on, and torch is not needed."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from search.storing.pace import Costs
from search.storing.partial import Partial, partial
from search.storing.remote import stamp
from search.storing.tails import Tail
from trainers.records import Place, Row, constant, read_json

OBJECTIVES = ("val_clean_acc", "val_pgd_acc")  # all that a trial measures on the validation split
FOR_GOOD = ("completed", "diverged")
ENDED = (*FOR_GOOD, "stopped")  # which may be taken up again
RECENT = 20  # epochs


class Speed(NamedTuple):
    """Of one process, over the newest epochs."""

    epochs: float  # a second
    images: float  # a second


class Seen:
    """One training: its status, its newest row, where its validation stands, what it cost alone and billed."""

    def __init__(self, folder: Place, name: str, final: str) -> None:
        self.folder, self.name, self.final = folder, name, final
        self.status = "planned"
        self.epochs = 0  # recorded, whoever trained them
        self.latest: Row = {}
        self.measured: Row = {}  # the newest with a validation
        self.best: Row = {}  # validation at the best epoch
        self.partial = Partial()  # of the epoch behind the newest row
        self.constant = False  # whether it ended naming one class whatever the image
        self.heard = 0.0  # when its rows last changed, in seconds since the epoch
        self._rows, self._cost_rows = Tail(folder / "epochs.jsonl"), Tail(folder / "cost.jsonl")
        self._no_costs()

    def look(self, since: float = 0.0) -> None:
        """Read what is new. An error that is older than `since` is that of an earlier try."""
        result = read_json(self.folder / "result.json")
        self.status = _status(self.folder, result, self.final, since)
        self._look_at_costs()
        if isinstance(result, dict) and self.status in FOR_GOOD:
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
        seconds = sum(row["seconds"] + row["evaluate_seconds"] for row in self._recent)
        if not seconds:
            return Speed(0.0, 0.0)
        images = sum(row["images_per_s"] * row["seconds"] for row in self._recent)
        return Speed(len(self._recent) / seconds, images / seconds)

    def _look_at_epochs(self) -> None:
        anew, rows = self._rows.look()
        self.heard = self._rows.changed
        if anew:
            self.epochs, self.latest, self.measured, self.best = 0, {}, {}, {}
        self.epochs += len(rows)
        self.partial = partial(self.folder, self.epochs)
        for row in rows:
            self.latest = row
            if OBJECTIVES[1] in row:
                self.measured = row
                if not self.best or row[OBJECTIVES[1]] > self.best[OBJECTIVES[1]]:
                    self.best = row

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
    """completed, diverged, stopped, failed, begun (it has rows) or planned, as the records of a training say."""
    return _status(folder, read_json(folder / "result.json"), final, since)


def _status(folder: Place, result: Any, final: str, since: float) -> str:
    if isinstance(result, dict):
        return str(result["status"]) if result.get("chain") == final else "planned"
    if (error := stamp(folder / "error.txt")) and error.changed >= since:
        return "failed"
    return "begun" if (folder / "epochs.jsonl").exists() else "planned"
