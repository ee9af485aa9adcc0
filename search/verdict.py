"""How a sweep's run went, judged from the store, and how to go on."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

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
            console.print(
                f"Ended: {spent}; {missing}. Raise it under `search: {{budget: …}}`, and the same command carries on:\n"
                f"  {command}",
                markup=False, soft_wrap=True,
            )  # fmt: skip
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
