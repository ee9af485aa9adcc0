"""How a sweep's run went, judged from the store, and how to go on."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from rich.console import Console

from search.budget import WORDS
from search.failures import noted
from search.plan import Planned
from search.store import Store

NAMED = 5  # failures, at most
AS_ASKED = "as asked"


@dataclass
class Verdict:
    """What has no result, and why."""

    store: Store
    total: int
    left: list[Planned]
    wanting: list[str]  # what could not be made, and trainings wait for

    def told(self, console: Console, trouble: str | None, spent: str | None, command: str) -> int:
        """Say it. 0 if nothing is missing, or only what a budget did not pay for, else 1."""
        if trouble and not self.store.folder.exists():
            console.print(f"Stopped: {trouble}:\n  {command}", markup=False, soft_wrap=True)
            return 1
        if not self.left:
            return 0
        failed = {trial.id: why for trial in self.left if (why := noted(self.store, trial.id))}
        for name, why in list(failed.items())[:NAMED]:
            path = self.store.trial(name) / "error.txt"
            console.print(f"failed: {name}: {why} ({path})", markup=False)
        for why in self.wanting:
            console.print(f"not started for want of {why}", markup=False)
        missing = f"{len(self.left)} of {self.total} trainings have no result yet"
        if spent and trouble in (None, spent) and not failed and not self.wanting:
            raised = _without_spent(command, spent)
            how = "Raise it under `search: {budget: …}`, and the same command carries on"
            if raised != command:
                how = "Raise the value that --set gives it, here …, and the same command carries on"
            console.print(f"Ended: {spent}; {missing}. {how}:\n  {raised}", markup=False, soft_wrap=True)
            return 0
        if trouble:
            said = "Stopped, as asked." if trouble == AS_ASKED else f"Stopped: {trouble}"
            console.print(said, markup=False, soft_wrap=True)
        console.print(
            f"{missing}. All that was trained is kept; the same command carries on:\n  {command}",
            markup=False,
            soft_wrap=True,
        )
        return 1


def _without_spent(command: str, spent: str) -> str:
    """A command without the value that its --set gives the budget that is used up, with which it would end at once."""
    (unit,) = (unit for unit, words in WORDS.items() if spent.endswith(f"{words} is used up"))
    given = re.compile(r"((?:--set=)?search\.budget(?:\.\w+)?)=.*", re.DOTALL)
    return shlex.join(given.sub(r"\1=…", word) if unit in word else word for word in shlex.split(command))
