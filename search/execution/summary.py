"""How a sweep's run went, judged from the store, and how to go on."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from search.execution.failures import last_error_line, repeats
from search.formatting import format_count
from search.planning.plan import PlannedTrial
from search.schema.budget import UNIT_NAMES
from search.store.store import Store

NAMED = 5  # failures, at most
AS_ASKED = "as asked"


@dataclass
class RunSummary:
    """What has no result, and why."""

    store: Store
    total: int
    left: list[PlannedTrial]
    wanting: dict[str, str]  # what could not be made, and trainings wait for -> why
    never: set[str] = field(default_factory=set)  # of these, what is made of trainings that diverged

    def said(self, trouble: str | None, spent: str | None, command: str) -> tuple[int, list[str]]:
        """The exit code, 0 if nothing is missing, or only what a budget did not pay for, else 1; and it in lines."""
        if trouble and not self.store.folder.exists():
            return 1, [f"Stopped: {trouble}:\n  {command}"]
        if not self.left:
            return 0, []
        failed = {trial.id: why for trial in self.left if (why := last_error_line(self.store, trial.id))}
        lines = [
            f"failed: {name}: {why} ({self.store.trial(name) / 'error.txt'})"
            for name, why in list(failed.items())[:NAMED]
        ]
        lines += [f"not started for want of {why}" for why in self.wanting.values()]
        have = "has" if len(self.left) == 1 else "have"
        missing = f"{len(self.left)} of {format_count(self.total, 'training')} {have} no result yet"
        if spent and trouble in (None, spent) and not failed and not self.wanting:
            raised = _without_spent(command, spent)
            how = "Raise it under `search: {budget: …}`, and the same command carries on"
            if raised != command:
                how = "Raise the value that --set gives it, here …, and the same command carries on"
            return 0, [*lines, f"Ended: {spent}; {missing}. {how}:\n  {raised}"]
        if trouble:
            lines += ["Stopped, as asked." if trouble == AS_ASKED else f"Stopped: {trouble}"]
        stuck = 0 if trouble else len(self._stuck())
        kept = "All that was trained is kept; the same command carries on"
        if stuck:
            whose = "the same command ends" if stuck == len(self.left) else f"{stuck} of them end"
            missing += f". Equal seeds compute the same bits: {whose} in the same way until the cause is mended"
        if stuck == len(self.left):
            kept = "All that was trained is kept, and the command then carries on"
        return 1, [*lines, f"{missing}. {kept}:\n  {command}"]

    def _stuck(self) -> set[str]:
        """What is left that another try would leave so: it failed by what it computes, or waits for such a training."""
        failed = {trial.id for trial in self.left if repeats(self.store, trial.id)}
        never = self.never | {trial.produces for trial in self.left if trial.id in failed and trial.produces}
        return failed | {trial.id for trial in self.left if never & set(trial.requires)}


def _without_spent(command: str, spent: str) -> str:
    """A command without the value that its --set gives the budget that is used up, with which it would end at once."""
    (unit,) = (unit for unit, words in UNIT_NAMES.items() if spent.endswith(f"{words} is used up"))
    given = re.compile(r"((?:--set=)?search\.budget(?:\.\w+)?)=.*", re.DOTALL)
    return shlex.join(given.sub(r"\1=…", word) if unit in word else word for word in shlex.split(command))
