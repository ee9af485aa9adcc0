"""A sweep as its folder has it: the plan, and the progress of every training according to its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from search.exceptions import NoSweep
from search.monitor.cost_model import CostKey, cost_key
from search.monitor.trial_progress import FINAL, TrialProgress
from search.store.plan_file import load_plan
from search.store.remote import CONCURRENT_REQUESTS, FileVersion, RemotePath, explain_error, stat_version
from trainers.problems import identify_problem, title_problems
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, read_json
from trainers.record_shapes import check_provenance
from trainers.run_commands import find_resume_command

Branch = Sequence[int]  # index of an earlier training, and the epochs that a training shares with it


class PlannedTraining(NamedTuple):
    """A training according to the plan."""

    id: str
    kind: str
    configuration: str
    epochs: int
    branch: Branch
    cost_key: CostKey
    makes: str | None  # the ranking or the weights that other trainings wait for
    problem: str  # the title of its problem among those of the sweep; empty if there is only one


class SweepReader:
    """The plan and the records of one sweep. They are read once, and again only where they may have changed."""

    def __init__(self, folder: Place) -> None:
        """Read the plan. Raises NoSweep."""
        self.folder = folder
        self.damage = Damage()  # damage found in the records that were read
        self.planned: list[PlannedTraining] = []
        self.progress: list[TrialProgress] = []  # of the same trainings
        self.generation: int | None = None  # the newest generation, from 1, of a search that draws in generations
        self.index: dict[str, int] = {}  # training -> its place in both lists
        self._plan_file: FileVersion | None = None
        self._cost_keys: dict[str, CostKey] = {}  # by configuration
        self.read_plan()

    def read_plan(self) -> None:
        """Read the plan if its file has changed, as it does while a search plans in generations. Raises NoSweep."""
        try:
            found = stat_version(self.folder / "plan.json")
        except OSError as error:
            raise NoSweep(f"{self.folder}: its plan.json cannot be read: {explain_error(error)}") from None
        if found and found == self._plan_file:
            return
        plan = load_plan(self.folder, self.damage)
        self._plan_file = found
        self.study = str(plan["study"])
        self.asked_epochs, self.distinct_epochs = (int(plan["epochs"][name]) for name in ("asked", "distinct"))
        rows = plan["trials"]
        self._add_cost_keys(rows, plan["evaluate"])
        problems: dict[str, str] = {}  # of a configuration: that of its first seed, as a seed may also draw the data
        for row in rows:
            if row["kind"] == "trial" and row["configuration"] not in problems:
                problems[row["configuration"]] = identify_problem(row["config"])
        titles = title_problems(problems.values())
        generations = [row["generation"] for row in rows if row.get("generation") is not None]
        self.generation = max(generations) + 1 if generations else None
        known = {(progress.name, progress.final): progress for progress in self.progress}
        self.planned = [
            self._build_planned(row, titles.get(problems.get(row["configuration"], ""), "")) for row in rows
        ]
        self.progress = [known.get((row["id"], row["chain"])) or self._build_progress(row) for row in rows]
        self.index = {planned.id: i for i, planned in enumerate(self.planned)}

    def read_records(self, trainings: Iterable[int] | None = None, since: float = 0.0) -> None:
        """Read the new records of some trainings, or of all that have begun and whose status is not final."""
        indices = self.list_begun() if trainings is None else trainings
        unfinished = [self.progress[i] for i in indices if self.progress[i].status not in FINAL]
        if isinstance(self.folder, RemotePath) and len(unfinished) > 1:
            with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
                list(pool.map(lambda progress: progress.update(since), unfinished))
            return
        for progress in unfinished:
            progress.update(since)

    def list_begun(self) -> list[int]:
        """Return the trainings that have a folder, in the order of the plan."""
        return sorted(self.index[path.name] for path in (self.folder / "trials").glob("*") if path.name in self.index)

    def read_spent_budget(self) -> str | None:
        """Return the budget that ended the sweep's last run, in words; None if none did."""
        runs = self._read_runs()
        return runs[-1].get("spent") if runs else None

    def read_resume_command(self) -> str:
        """Read the command that carries on with the trainings; empty if none was recorded."""
        return find_resume_command(self._read_runs())

    def _read_runs(self) -> list[Row]:
        stored = read_json(self.folder / "provenance.json", check_provenance, self.damage)
        return stored["runs"] if stored else []

    def _add_cost_keys(self, rows: list[Row], evaluation: Row) -> None:
        """Add the keys of new configurations. Raises NoSweep if no version of this program plans one of them."""
        try:
            for row in rows:
                if row["configuration"] not in self._cost_keys:  # its trainings differ in the seed alone
                    self._cost_keys[row["configuration"]] = cost_key(row, evaluation)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise NoSweep(
                f"{self.folder}: its plan.json has a configuration that this version does not know ({row['id']}: "
                f"{type(error).__name__} {error}); use the version that wrote it"
            ) from None

    def _build_progress(self, row: Row) -> TrialProgress:
        name, every = row["id"], self._cost_keys[row["configuration"]].every
        return TrialProgress(self.folder / "trials" / name, name, row["chain"], self.damage, every, row["epochs"])

    def _build_planned(self, row: Row, title: str) -> PlannedTraining:
        name, branch = row["configuration"], row.get("branch", (0, 0))
        makes = {"profile": row["ranks"], "pretrain": row["id"]}.get(row["kind"])
        return PlannedTraining(row["id"], row["kind"], name, row["epochs"], branch, self._cost_keys[name], makes, title)
