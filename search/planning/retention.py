"""Retention of states: each is kept as long as a training needs it or `keep` demands it.

The driver (search.execution.sweep) deletes states that several trainings share, a worker (search.execution.session) the
checkpoints that only its training needs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from search.planning.jobs import Job
from search.planning.plan import Plan
from search.schema.blocks import Keep
from search.store.store import Store


def find_deepest_epochs(plan: Plan, stored: set[str]) -> dict[int, int]:
    """Return the epochs of the deepest stored state of each training; trainings without one are left out."""
    if not stored:
        return {}
    found = {}
    for i, trial in enumerate(plan.trials):
        for epoch in range(len(trial.chain) - 1, 0, -1):
            if trial.chain[epoch] in stored:
                found[i] = epoch
                break
    return found


def select_superseded(job: Job, saved: Sequence[int]) -> list[int]:
    """Return the epochs of a training's checkpoints that newer ones replace; the newest two stay, if one is damaged.

    `saved`: the epochs of all its checkpoints, ascending from 0, the start.
    """
    return _select_own(job, saved[1:-2])


def select_finished(job: Job, epochs: int, completed: bool) -> list[int]:
    """Return the epochs whose checkpoints a training needs no more when it has ended after `epochs` epochs."""
    kept = completed and job.keep != "none"  # the last state
    return _select_own(job, range(1, epochs + 1 - kept))


def _select_own(job: Job, epochs: Iterable[int]) -> list[int]:
    return [epoch for epoch in epochs if epoch not in job.forks] if job.keep != "all" else []


class StateRetention:
    """Deletes forks and last states that no training needs any more."""

    def __init__(self, store: Store, plan: Plan, keep: Keep) -> None:
        self.store, self.plan, self.keep = store, plan, keep
        self.freed = 0  # bytes
        self.forgotten = 0  # deleted states
        self._depth: dict[int, int] = {}  # epochs of the deepest stored state, by unfinished training
        self._users: Counter[str] = Counter()  # number of unfinished trainings by deepest stored state
        self._starters: Counter[str] = Counter()  # number of unfinished trainings that start from a last state
        self._through: dict[str, list[int]] = defaultdict(list)  # unfinished trainings by fork
        self._last: set[str] = set()

    def add(self, todo: list[int], depths: dict[int, int]) -> None:
        """Register trainings that will need states; `depths` are those of `find_deepest_epochs`."""
        self._last = {trial.final for trial in self.plan.trials}
        for i in todo:
            if i in self._depth:  # stopped and continued
                continue
            trial = self.plan.trials[i]
            self._depth[i] = depths.get(i, 0)
            self._users[trial.chain[self._depth[i]]] += 1
            if trial.start and trial.start.training:
                self._starters[trial.start.content] += 1
            for epoch in self.plan.tree.forks(i):
                self._through[trial.chain[epoch]].append(i)

    def forget_leftovers(self, stored: set[str]) -> None:
        """Delete states that an interrupted sweep left and no training needs."""
        forks = {trial.chain[epoch] for i, trial in enumerate(self.plan.trials) for epoch in self.plan.tree.forks(i)}
        ended = {trial.final for i, trial in enumerate(self.plan.trials) if i not in self._depth}
        for name in stored & (forks | ended):
            self._forget_unused(name)

    def record_state(self, i: int, epoch: int) -> None:
        """Record a stored state of a training: trainings that share it need no earlier state any more."""
        name = self.plan.trials[i].chain[epoch]
        for j in {i, *self._through.get(name, ())}:
            if self._depth.get(j, epoch) < epoch:
                self._release(j)
                self._depth[j] = epoch
                self._users[name] += 1

    def record_end(self, i: int) -> None:
        """Record that a training has its result, and delete the states that only it needed."""
        trial = self.plan.trials[i]
        if i in self._depth:
            self._release(i)
            del self._depth[i]
        if trial.start and trial.start.training:
            self._starters[trial.start.content] -= 1
            self._forget_unused(trial.start.content)
        self._forget_unused(trial.final)

    def _release(self, i: int) -> None:
        name = self.plan.trials[i].chain[self._depth[i]]
        self._users[name] -= 1
        if self._depth[i] in self.plan.tree.forks(i):
            self._forget_unused(name)

    def _forget_unused(self, name: str) -> None:
        """Delete a state if no training needs it and `keep` allows it."""
        wanted = self._users[name] > 0 or self._starters[name] > 0
        if wanted or self.keep in ("all", "forks") or (name in self._last and self.keep == "best"):
            return
        freed = self.store.drop_state(name)
        self.freed += freed
        self.forgotten += freed > 0
