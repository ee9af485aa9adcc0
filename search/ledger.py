"""A sweep as its folder has it: the plan, and of every training what its records say so far."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from search.pace import Kin, kin
from search.planfile import stored_plan
from search.reach import Branch
from search.seen import FOR_GOOD, Seen
from trainers.records import Row


class NoSweep(Exception):
    """No sweep is stored there."""


class Entry(NamedTuple):
    """What the plan says of a training."""

    id: str
    kind: str
    configuration: str
    epochs: int
    branch: Branch
    kin: Kin
    makes: str | None  # the ranking or the weights that others wait for


class Ledger:
    """The records of one sweep, read once and then only where something may have changed. Raises NoSweep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self.seen: list[Seen] = []
        self.index: dict[str, int] = {}
        self._plan_file: tuple[int, int] | None = None
        self._kin: dict[str, Kin] = {}
        self.grow()

    def grow(self) -> None:
        """Read the plan if it is another than before: a search in generations plans as it goes."""
        try:
            found = os.stat(self.folder / "plan.json")
        except OSError:
            raise NoSweep(f"{self.folder}: no sweep is stored there (no plan.json)") from None
        if (found.st_ino, found.st_mtime_ns) == self._plan_file:
            return
        plan = stored_plan(self.folder)
        if plan is None:
            raise NoSweep(f"{self.folder}: its plan.json cannot be read, or another version of this program made it")
        self._plan_file = (found.st_ino, found.st_mtime_ns)
        self.study = str(plan["study"])
        self.asked, self.distinct = (int(plan["epochs"][name]) for name in ("asked", "distinct"))
        known = {(seen.name, seen.final): seen for seen in self.seen}
        self.entries = [self._entry(row, plan["evaluate"]) for row in plan["trials"]]
        self.seen = [
            known.get((row["id"], row["chain"])) or Seen(self.folder / "trials" / row["id"], row["id"], row["chain"])
            for row in plan["trials"]
        ]
        self.index = {entry.id: i for i, entry in enumerate(self.entries)}

    def look(self, trainings: Iterable[int] | None = None, since: float = 0.0) -> None:
        """Read what is new of some trainings, or of all that have begun and not ended for good."""
        if trainings is None:
            begun = os.listdir(self.folder / "trials") if (self.folder / "trials").is_dir() else []
            trainings = (self.index[name] for name in begun if name in self.index)
        for i in trainings:
            if self.seen[i].status not in FOR_GOOD:
                self.seen[i].look(since)

    def _entry(self, row: Row, evaluation: Row) -> Entry:
        name = row["configuration"]
        if name not in self._kin:  # whose trainings differ in nothing but the seed
            self._kin[name] = kin(row["config"], evaluation)
        makes = {"profile": row["ranks"], "pretrain": row["id"]}.get(row["kind"])
        return Entry(row["id"], row["kind"], name, row["epochs"], row["branch"], self._kin[name], makes)
