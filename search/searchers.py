"""Which training starts next, asked by Ray Tune whenever there is room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ray.tune.search import Searcher

from search.environment import Unpickled  # before any other import of Ray
from search.plan import Planned
from search.session import Job

MakeRanking = Callable[[str], str | None]


class Queue(Unpickled, Searcher):
    """Hands out jobs in order; a trial cut by a ranking waits until the profile trials behind it have ended.

    Its state is derived from the plan and the records, so a killed driver loses nothing.
    """

    def __init__(self, waiting: list[Planned], job: Callable[[Planned], Job], rank: MakeRanking, ready: set[str]):
        super().__init__(metric="epoch", mode="max")
        self._waiting, self._job, self._rank = list(waiting), job, rank
        self._ready = ready  # rankings that exist
        self._running: dict[str, Planned] = {}
        self.blocked: dict[str, str] = {}  # ranking -> why it cannot be made

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        for i, trial in enumerate(self._waiting):
            if self._may_start(trial):
                self._running[trial_id] = self._waiting.pop(i)
                return {"job": asdict(self._job(trial))}
        if not self._running:
            return Searcher.FINISHED  # what is left waits for a ranking that nobody makes; None would block for ever
        return None if self._waiting else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        trial = self._running.pop(trial_id, None)
        if trial is None or trial.kind != "profile" or trial.ranks is None:
            return
        group = [other for other in (*self._waiting, *self._running.values()) if other.kind == "profile"]
        if any(other.ranks == trial.ranks for other in group):
            return
        why = self._rank(trial.ranks)
        if why is None:
            self._ready.add(trial.ranks)
        else:
            self.blocked[trial.ranks] = why
            self._waiting = [other for other in self._waiting if other.ranks != trial.ranks]

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        """Nothing to learn from: the plan is fixed."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records remember."""

    def _may_start(self, trial: Planned) -> bool:
        return trial.kind == "profile" or trial.ranks is None or trial.ranks in self._ready
