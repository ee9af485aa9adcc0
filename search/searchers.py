"""Which training starts next, asked by Ray Tune whenever there is room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ray.tune.search import Searcher

from search.environment import Unpickled  # before any other import of Ray
from search.plan import Planned
from search.session import Job

Make = Callable[[str], str | None]


class Queue(Unpickled, Searcher):
    """Hands out jobs in order; a trial waits until the trainings that make its ranking or its weights have ended.

    Its state is derived from the plan and the records, so a killed driver loses nothing.
    """

    def __init__(self, waiting: list[Planned], job: Callable[[Planned], Job], make: Make, ready: set[str]):
        super().__init__(metric="epoch", mode="max")
        self._waiting, self._job, self._make = list(waiting), job, make
        self._ready = ready  # names of what exists
        self._running: dict[str, Planned] = {}
        self.blocked: dict[str, str] = {}  # name -> why it cannot be made

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        for i, trial in enumerate(self._waiting):
            if trial.needs <= self._ready:
                self._running[trial_id] = self._waiting.pop(i)
                return {"job": asdict(self._job(trial))}
        if not self._running:
            return Searcher.FINISHED  # what is left waits for what nobody makes; None would block for ever
        return None if self._waiting else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        trial = self._running.pop(trial_id, None)
        name = trial.makes if trial else None
        if name is None or any(other.makes == name for other in (*self._waiting, *self._running.values())):
            return
        why = self._make(name)
        if why is None:
            self._ready.add(name)
        else:
            self.blocked[name] = why
            self._waiting = [other for other in self._waiting if name not in other.needs]

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        """Nothing to learn from: the plan is fixed."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""
