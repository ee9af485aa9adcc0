"""Choose the next training: the one with the longest remaining path that waits for no shared state.

The schedule knows neither Ray nor files. Its caller reports stored states and ended trainings. Its state follows from
the plan and these reports alone, so a killed sweep schedules the same again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from heapq import heappop, heappush
from typing import NamedTuple

from search.planning.plan import Plan
from trainers.record_io import Row


class Task(NamedTuple):
    """Train the i-th training of the plan from epoch `since`, whose state is stored, up to epoch `until`."""

    i: int
    since: int
    until: int
    stop: Row | None = None  # the record of an early stop at `until`


class Schedule:
    """Hands out tasks. A training waits for rankings and weights that it needs, and states that others will store."""

    def __init__(
        self, plan: Plan, todo: Iterable[int], stored_epochs: dict[int, int], ready: Collection[str] = ()
    ) -> None:
        """Schedule the trainings `todo` of a plan.

        `stored_epochs`: epochs of the deepest stored state by training; `ready`: rankings and weights that exist.
        """
        self.plan, self.ready = plan, set(ready)
        self.stored_epochs: dict[int, int] = defaultdict(int, stored_epochs)
        self.epoch_limit: Callable[[int], int] = self._count_epochs  # the last epoch that a training may reach for now
        self.stops: dict[int, Row] = {}  # records of early stops by training
        self.exclusive: set[int] = set()  # trainings that run last, and only while no other runs
        self.unfinished: set[int] = set()
        self.measured: set[int] = set()  # trainings that had ended before, and are only measured further
        self.running: dict[int, list[int]] = {}  # by training: epochs of states to come that others may continue from
        self._reached: dict[int, int] = {}  # the last epoch that a training reached itself
        self._coming: Counter[int] = Counter()  # states that running trainings will store
        self._through: dict[int, list[int]] = defaultdict(list)  # trainings by fork
        self._waiting: dict[int | str, list[int]] = defaultdict(
            list
        )  # trainings by the state, ranking or weights they wait for
        self._heap: list[tuple[int, int, int]] = []
        self.add(todo)

    def add(self, todo: Iterable[int]) -> None:
        """Add trainings of the plan, which may have been extended."""
        todo = list(todo)
        self._waiting_epochs: Counter[str] = Counter()
        for trial in self.plan.trials:
            for name in trial.requires:
                self._waiting_epochs[name] = max(self._waiting_epochs[name], trial.config.epochs)
        self.unfinished.update(todo)
        self._through.clear()
        for i in self.unfinished:
            for epoch in self.plan.tree.forks(i):
                self._through[self.plan.tree.get_state(i, epoch)].append(i)
        for i in todo:
            self._push(i)

    def next_task(self) -> Task | None:
        """Return the task to start now; None if all remaining trainings must wait."""
        if self.exclusive & self.running.keys():
            return None
        chosen, exclusive = None, []
        while chosen is None and self._heap:
            i = self._take_if_ready(heappop(self._heap))
            if i in self.exclusive:
                exclusive.append(i)
            else:
                chosen = i
        if chosen is None and exclusive and not self.running:
            chosen = exclusive.pop(0)
        for i in exclusive:
            self._push(i)
        return None if chosen is None else self._start(chosen)

    def _take_if_ready(self, key: tuple[int, int, int]) -> int | None:
        """Return the training of a heap entry if it may start now; otherwise file it under the event it waits for."""
        i = key[2]
        if i not in self.unfinished or i in self.running:
            return None
        missing = self.plan.trials[i].requires - self.ready
        if missing:
            self._waiting[min(missing)].append(i)
        elif key != self._make_key(i):  # a deeper state was stored since
            self._push(i)
        elif (coming := self._find_awaited_state(i)) is not None:
            self._waiting[coming].append(i)
        elif i in self.stops or self._reached.get(i, -1) < self._find_end(i):
            return i
        return None

    def record_state(self, i: int, epoch: int) -> None:
        """Record that the state of a running training after an epoch is stored."""
        self._reached[i] = max(self._reached.get(i, 0), epoch)
        ahead = self.running.get(i, [])
        while ahead and ahead[0] <= epoch:
            self._settle_state(i, ahead.pop(0), stored=True)
        self.stored_epochs[i] = max(self.stored_epochs[i], epoch)

    def release(self, i: int, ended: bool) -> None:
        """Record that a training stopped running: it ended, or continues at its next turn."""
        for epoch in self.running.pop(i, []):
            self._settle_state(i, epoch, stored=False)
        if ended:
            self.unfinished.discard(i)
        else:
            self._push(i)

    def begin_again(self, i: int) -> None:
        """Record that a training lost its worker, and has a next turn even if all its epochs are stored.

        A worker that died between its last state and its result has left no result.
        """
        self._reached.pop(i, None)
        self.release(i, ended=False)

    def mark_ready(self, name: str) -> None:
        """Record that a ranking, or weights to start from, exist."""
        self.ready.add(name)
        self._requeue_waiting(name)

    def drop_dependents(self, name: str) -> set[int]:
        """Drop and return the trainings that need a ranking or weights that cannot be made."""
        dropped = {i for i in self.unfinished if name in self.plan.trials[i].requires}
        self.unfinished -= dropped
        return dropped

    def reopen(self, ended: Iterable[int]) -> None:
        """Let trainings that ended be measured once more: no limit and no early stop holds any longer."""
        self.epoch_limit = self._count_epochs
        self.stops.clear()
        for i in ended:
            self._reached.pop(i, None)

    def requeue(self, trainings: Iterable[int]) -> None:
        """Reconsider waiting trainings whose limits or stops have changed."""
        for i in trainings:
            if i in self.unfinished and i not in self.running:
                self._push(i)

    def count_waiting(self) -> Counter[int | str]:
        """Count waiting trainings by the running training (its position), or the ranking or weights, they wait for."""
        coming = {self.plan.tree.get_state(i, epoch): i for i, epochs in self.running.items() for epoch in epochs}
        found: Counter[int | str] = Counter()
        for what, held in self._waiting.items():
            awaited = what if isinstance(what, str) else coming.get(what)
            rest = sum(i in self.unfinished and i not in self.running for i in set(held))
            if rest and awaited is not None:
                found[awaited] += rest
        return found

    def _start(self, i: int) -> Task:
        until, since = self._find_end(i), self.stored_epochs[i]
        self.running[i] = [epoch for epoch in self.plan.tree.forks(i) if since < epoch <= until]
        self._coming.update(self.plan.tree.get_state(i, epoch) for epoch in self.running[i])
        return Task(i, since, until, self.stops.get(i))

    def _find_awaited_state(self, i: int) -> int | None:
        """Return the deepest state that a running training will store, if it is deeper than the stored one."""
        forks, until = self.plan.tree.forks(i), self._find_end(i)
        names = (
            self.plan.tree.get_state(i, epoch) for epoch in reversed(forks) if self.stored_epochs[i] < epoch <= until
        )
        return next((name for name in names if self._coming[name] > 0), None)

    def _settle_state(self, i: int, epoch: int, stored: bool) -> None:
        name = self.plan.tree.get_state(i, epoch)
        self._coming[name] -= 1
        if stored:
            for j in self._through.get(name, ()):
                self.stored_epochs[j] = max(self.stored_epochs[j], epoch)
        self._requeue_waiting(name)

    def _requeue_waiting(self, name: int | str) -> None:
        for i in self._waiting.pop(name, ()):
            self._push(i)

    def _push(self, i: int) -> None:
        heappush(self._heap, self._make_key(i))

    def _make_key(self, i: int) -> tuple[int, int, int]:
        trial = self.plan.trials[i]
        ahead = self._waiting_epochs[trial.produces] if trial.produces else 0
        return (self.stored_epochs[i] - trial.config.epochs - ahead, -self.plan.tree.count_shared(i), i)

    def _find_end(self, i: int) -> int:
        return int(self.stops[i]["epoch"]) if i in self.stops else self.epoch_limit(i)

    def _count_epochs(self, i: int) -> int:
        return self.plan.trials[i].config.epochs
