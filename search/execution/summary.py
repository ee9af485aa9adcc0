"""The summary of a run, from the store: what is missing, why, and how to continue."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from search.execution.failures import failed_deterministically, read_last_error_line
from search.planning.plan import PlannedTrial
from search.schema.budget import UNIT_NAMES
from search.store.store import Store
from trainers.formatting import format_count

MAX_NAMED = 5  # failures, at most
STOPPED_ON_REQUEST = "as asked"
FAIL_FAST = "search.fail_fast ends the sweep at its first failed training"


def describe_first_failure(store: Store, trial: str) -> str:
    """Return why a sweep with `search: {fail_fast: true}` ends: which training failed, and where its error lies."""
    what = "traceback" if failed_deterministically(store, trial) else "error"
    return f"{FAIL_FAST}, {trial}; its {what} is in {store.trial_folder(trial) / 'error.txt'}"


@dataclass
class RunSummary:
    """The trainings that have no result when a run ends, and what keeps them from one."""

    store: Store
    total: int
    unfinished: list[PlannedTrial]
    blocked: dict[str, str]  # upstream results that could not be made -> why; trainings wait for them
    impossible: set[str] = field(default_factory=set)  # those of `blocked` that need a training that diverged
    grows: bool = False  # whether results decide on further trainings, which `total` does not count yet

    def summarize(self, trouble: str | None, spent: str | None, command: str) -> tuple[int, list[str]]:
        """Return the exit code and the summary in lines.

        The code is 0 if no result is missing, or only those that a budget did not cover; else 1.
        """
        if trouble and not self.store.folder.exists():
            return 1, [f"Stopped: {trouble}:\n  {command}"]
        if not self.unfinished:
            return 0, []
        failed = {trial.id: why for trial in self.unfinished if (why := read_last_error_line(self.store, trial.id))}
        lines = [
            f"failed: {name}: {why} ({self.store.trial_folder(name) / 'error.txt'})"
            for name, why in list(failed.items())[:MAX_NAMED]
        ]
        lines += [f"not started: {why}" for why in self.blocked.values()]
        verb = "has" if len(self.unfinished) == 1 else "have"
        total = format_count(self.total, "training") + " so far" * self.grows
        missing = f"{len(self.unfinished)} of {total} {verb} no result yet"
        if spent and trouble in (None, spent) and not failed and not self.blocked:
            new_command = _drop_budget_value(command, spent)
            advice = "Raise it under `search: {budget: …}`, and the same command carries on"
            if new_command != command:
                advice = "Raise the value that --set gives it, here …, and the same command carries on"
            return 0, [*lines, f"Ended: {spent}; {missing}. {advice}:\n  {new_command}"]
        if trouble:
            lines += ["Stopped, as asked." if trouble == STOPPED_ON_REQUEST else f"Stopped: {trouble}"]
        stuck = 0 if trouble else len(self._find_stuck())
        kept = "All that was trained is kept; the same command carries on"
        if trouble and trouble.startswith(FAIL_FAST):
            kept += " once the cause is fixed, and --set search.fail_fast=false trains all others without that"
        if stuck:
            subject = "the same command ends" if stuck == len(self.unfinished) else f"{stuck} of them end"
            missing += f". Equal seeds compute the same bits: {subject} in the same way until the cause is fixed"
        if stuck == len(self.unfinished):
            kept = "All that was trained is kept, and the command then carries on"
        return 1, [*lines, f"{missing}. {kept}:\n  {command}"]

    def _find_stuck(self) -> set[str]:
        """Return the trainings that another try cannot finish: deterministic failures, and those that wait for them."""
        failed = {trial.id for trial in self.unfinished if failed_deterministically(self.store, trial.id)}
        impossible = self.impossible | {
            trial.produces for trial in self.unfinished if trial.id in failed and trial.produces
        }
        return failed | {trial.id for trial in self.unfinished if impossible & set(trial.requires)}


def _drop_budget_value(command: str, spent: str) -> str:
    """Return a command with the --set value of the exhausted budget replaced by …, as it would end at once with it."""
    (unit,) = (unit for unit, words in UNIT_NAMES.items() if spent.endswith(f"{words} is used up"))
    given = re.compile(r"((?:--set=)?search\.budget(?:\.\w+)?)=.*", re.DOTALL)
    return shlex.join(given.sub(r"\1=…", word) if unit in word else word for word in shlex.split(command))
