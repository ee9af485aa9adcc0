"""How a sweep's run went, judged from the store, and how to go on."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from search.faults.failures import noted
from search.planning.plan import Planned
from search.schema.budget import WORDS
from search.storing.store import Store
from search.words import number

NAMED = 5  # failures, at most
AS_ASKED = "as asked"


@dataclass
class Verdict:
    """What has no result, and why."""

    store: Store
    total: int
    left: list[Planned]
    wanting: list[str]  # what could not be made, and trainings wait for

    def said(self, trouble: str | None, spent: str | None, command: str) -> tuple[int, list[str]]:
        """The exit code, 0 if nothing is missing, or only what a budget did not pay for, else 1; and it in lines."""
        if trouble and not self.store.folder.exists():
            return 1, [f"Stopped: {trouble}:\n  {command}"]
        if not self.left:
            return 0, []
        failed = {trial.id: why for trial in self.left if (why := noted(self.store, trial.id))}
        lines = [
            f"failed: {name}: {why} ({self.store.trial(name) / 'error.txt'})"
            for name, why in list(failed.items())[:NAMED]
        ]
        lines += [f"not started for want of {why}" for why in self.wanting]
        have = "has" if len(self.left) == 1 else "have"
        missing = f"{len(self.left)} of {number(self.total, 'training')} {have} no result yet"
        if spent and trouble in (None, spent) and not failed and not self.wanting:
            raised = _without_spent(command, spent)
            how = "Raise it under `search: {budget: …}`, and the same command carries on"
            if raised != command:
                how = "Raise the value that --set gives it, here …, and the same command carries on"
            return 0, [*lines, f"Ended: {spent}; {missing}. {how}:\n  {raised}"]
        if trouble:
            lines += ["Stopped, as asked." if trouble == AS_ASKED else f"Stopped: {trouble}"]
        return 1, [*lines, f"{missing}. All that was trained is kept; the same command carries on:\n  {command}"]


def _without_spent(command: str, spent: str) -> str:
    """A command without the value that its --set gives the budget that is used up, with which it would end at once."""
    (unit,) = (unit for unit, words in WORDS.items() if spent.endswith(f"{words} is used up"))
    given = re.compile(r"((?:--set=)?search\.budget(?:\.\w+)?)=.*", re.DOTALL)
    return shlex.join(given.sub(r"\1=…", word) if unit in word else word for word in shlex.split(command))
