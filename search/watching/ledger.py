"""A sweep as its folder has it: the plan, and of every training what its records say so far."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from search.storing.pace import Kin, kin
from search.storing.planfile import NoSweep, plan_of, problem
from search.storing.remote import ASKED_AT_ONCE, Remote, Stamp, said, stamp
from search.storing.seen import FOR_GOOD, Seen
from search.watching.reach import Branch
from trainers.records import Place, Row, problem_titles


class Entry(NamedTuple):
    """What the plan says of a training."""

    id: str
    kind: str
    configuration: str
    epochs: int
    branch: Branch
    kin: Kin
    makes: str | None  # the ranking or the weights that others wait for
    problem: str  # by what tells it from the others of this sweep; empty where there is one only


class Ledger:
    """The records of one sweep, read once and then only where something may have changed. Raises NoSweep."""

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self.seen: list[Seen] = []
        self.generation: int | None = None  # the newest, from 1, of a search that asks in generations
        self.index: dict[str, int] = {}
        self._plan_file: Stamp | None = None
        self._kin: dict[str, Kin] = {}
        self.grow()

    def grow(self) -> None:
        """Read the plan if it is another than before: a search in generations plans as it goes."""
        try:
            found = stamp(self.folder / "plan.json")
        except OSError as error:
            raise NoSweep(f"{self.folder}: its plan.json cannot be read: {said(error)}") from None
        if found and found == self._plan_file:
            return
        plan = plan_of(self.folder)
        self._plan_file = found
        self.study = str(plan["study"])
        self.asked, self.distinct = (int(plan["epochs"][name]) for name in ("asked", "distinct"))
        problems: dict[str, str] = {}  # of a configuration: its first seed's, as a seed may also draw the data
        for row in plan["trials"]:
            if row["kind"] == "trial" and row["configuration"] not in problems:
                problems[row["configuration"]] = problem(row)
        title = problem_titles(problems.values())
        asked = [row["generation"] for row in plan["trials"] if row.get("generation") is not None]
        self.generation = max(asked) + 1 if asked else None
        known = {(seen.name, seen.final): seen for seen in self.seen}
        self.entries = [
            self._entry(row, plan["evaluate"], title.get(problems.get(row["configuration"], ""), ""))
            for row in plan["trials"]
        ]
        self.seen = [
            known.get((row["id"], row["chain"])) or Seen(self.folder / "trials" / row["id"], row["id"], row["chain"])
            for row in plan["trials"]
        ]
        self.index = {entry.id: i for i, entry in enumerate(self.entries)}

    def look(self, trainings: Iterable[int] | None = None, since: float = 0.0) -> None:
        """Read what is new of some trainings, or of all that have begun and not ended for good."""
        open_ = [
            self.seen[i] for i in (self.begun() if trainings is None else trainings)
            if self.seen[i].status not in FOR_GOOD
        ]  # fmt: skip
        if isinstance(self.folder, Remote) and len(open_) > 1:
            with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
                list(pool.map(lambda seen: seen.look(since), open_))
            return
        for seen in open_:
            seen.look(since)

    def begun(self) -> list[int]:
        """The trainings that have a folder, in the plan's order."""
        return sorted(self.index[path.name] for path in (self.folder / "trials").glob("*") if path.name in self.index)

    def _entry(self, row: Row, evaluation: Row, title: str) -> Entry:
        name = row["configuration"]
        if name not in self._kin:  # whose trainings differ in nothing but the seed
            self._kin[name] = kin(row["config"], evaluation)
        makes = {"profile": row["ranks"], "pretrain": row["id"]}.get(row["kind"])
        return Entry(row["id"], row["kind"], name, row["epochs"], row["branch"], self._kin[name], makes, title)
