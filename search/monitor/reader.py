"""A sweep as its folder has it: the plan, and of every training what its records say so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from search.exceptions import NoSweep
from search.monitor.cost_model import CostKey, cost_key
from search.monitor.trial_progress import FOR_GOOD, TrialProgress
from search.store.plan_file import plan_of
from search.store.remote import ASKED_AT_ONCE, RemotePath, Stamp, explain_error, file_version
from trainers.reading import Damage, read_json
from trainers.record_io import Place, Row
from trainers.records import identify_problem, problem_titles
from trainers.shapes import check_provenance


class Entry(NamedTuple):
    """What the plan says of a training."""

    id: str
    kind: str
    configuration: str
    epochs: int
    branch: Branch
    cost_key: CostKey
    makes: str | None  # the ranking or the weights that others wait for
    problem: str  # by what tells it from the others of this sweep; empty where there is one only


class SweepReader:
    """The records of one sweep, read once and then only where something may have changed. Raises NoSweep."""

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        self.damage = Damage()  # what of its records is damaged, as far as they were read
        self.entries: list[Entry] = []
        self.seen: list[TrialProgress] = []
        self.generation: int | None = None  # the newest, from 1, of a search that asks in generations
        self.index: dict[str, int] = {}
        self._plan_file: Stamp | None = None
        self._kin: dict[str, CostKey] = {}
        self.grow()

    def grow(self) -> None:
        """Read the plan if it is another than before: a search in generations plans as it goes."""
        try:
            found = file_version(self.folder / "plan.json")
        except OSError as error:
            raise NoSweep(f"{self.folder}: its plan.json cannot be read: {explain_error(error)}") from None
        if found and found == self._plan_file:
            return
        plan = plan_of(self.folder, self.damage)
        self._plan_file = found
        self.study = str(plan["study"])
        self.asked, self.distinct = (int(plan["epochs"][name]) for name in ("asked", "distinct"))
        rows = self._known_kin(plan["trials"], plan["evaluate"])
        problems: dict[str, str] = {}  # of a configuration: its first seed's, as a seed may also draw the data
        for row in rows:
            if row["kind"] == "trial" and row["configuration"] not in problems:
                problems[row["configuration"]] = identify_problem(row["config"])
        title = problem_titles(problems.values())
        asked = [row["generation"] for row in rows if row.get("generation") is not None]
        self.generation = max(asked) + 1 if asked else None
        known = {(seen.name, seen.final): seen for seen in self.seen}
        self.entries = [self._entry(row, title.get(problems.get(row["configuration"], ""), "")) for row in rows]
        self.seen = [
            known.get((row["id"], row["chain"]))
            or TrialProgress(self.folder / "trials" / row["id"], row["id"], row["chain"], self.damage)
            for row in rows
        ]
        self.index = {entry.id: i for i, entry in enumerate(self.entries)}

    def look(self, trainings: Iterable[int] | None = None, since: float = 0.0) -> None:
        """Read what is new of some trainings, or of all that have begun and not ended for good."""
        open_ = [
            self.seen[i] for i in (self.begun() if trainings is None else trainings)
            if self.seen[i].status not in FOR_GOOD
        ]  # fmt: skip
        if isinstance(self.folder, RemotePath) and len(open_) > 1:
            with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
                list(pool.map(lambda seen: seen.look(since), open_))
            return
        for seen in open_:
            seen.look(since)

    def begun(self) -> list[int]:
        """The trainings that have a folder, in the plan's order."""
        return sorted(self.index[path.name] for path in (self.folder / "trials").glob("*") if path.name in self.index)

    def spent(self) -> str | None:
        """Return the budget that ended the sweep's last run, in words; None where none did."""
        stored = read_json(self.folder / "provenance.json", check_provenance, self.damage)
        return stored["runs"][-1].get("spent") if stored and stored["runs"] else None

    def _known_kin(self, rows: list[Row], evaluation: Row) -> list[Row]:
        """Raises NoSweep if configurations are such as no version of this program plans."""
        try:
            for row in rows:
                if row["configuration"] not in self._kin:  # whose trainings differ in nothing but the seed
                    self._kin[row["configuration"]] = cost_key(row["config"], evaluation)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise NoSweep(
                f"{self.folder}: its plan.json has a configuration that is none of this version ({row['id']}: "
                f"{type(error).__name__} {error}); take the version that made it"
            ) from None
        return rows

    def _entry(self, row: Row, title: str) -> Entry:
        name, branch = row["configuration"], row.get("branch", (0, 0))
        makes = {"profile": row["ranks"], "pretrain": row["id"]}.get(row["kind"])
        return Entry(row["id"], row["kind"], name, row["epochs"], branch, self._kin[name], makes, title)


Branch = Sequence[int]  # an earlier training, and after how many epochs this one leaves it
