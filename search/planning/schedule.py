"""Which training goes on next: the longest remaining path first, and none while another trains what it could share.

Knows neither Ray nor files. Whoever runs trainings tells it what was stored and what ended; its state follows from
the plan and those facts alone, so that a killed sweep plans the same again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from heapq import heappop, heappush
from typing import NamedTuple

from search.planning.plan import Plan
from trainers.record_io import Row


class Task(NamedTuple):
    """Train the i-th training of the plan from a stored state on, up to an epoch."""

    i: int
    since: int
    until: int
    stop: Row | None = None  # and end it there for this reason


class Schedule:
    """Hands out tasks. A training waits for what must be made first, and for a deeper state that another will store."""

    def __init__(self, plan: Plan, todo: Iterable[int], at: dict[int, int], ready: Collection[str] = ()) -> None:
        """`at`: after how many epochs a state of a training is stored, if any; `ready`: what is made already."""
        self.plan, self.ready = plan, set(ready)
        self.at: dict[int, int] = defaultdict(int, at)
        self.limit: Callable[[int], int] = self._whole  # how far a training may go for now
        self.stops: dict[int, Row] = {}  # where a training is to end early, and why
        self.alone: set[int] = set()  # run only while nothing else does, and last
        self.open: set[int] = set()
        self.running: dict[int, list[int]] = {}  # with the epochs whose states others may go on from
        self._seen: dict[int, int] = {}  # how far a training went itself
        self._coming: Counter[int] = Counter()  # states that running trainings will store
        self._through: dict[int, list[int]] = defaultdict(list)  # who passes through a fork
        self._held: dict[int | str, list[int]] = defaultdict(list)  # by the state or ranking they wait for
        self._heap: list[tuple[int, int, int]] = []
        self.add(todo)

    def add(self, todo: Iterable[int]) -> None:
        """Further trainings of the plan, which may have grown at its end."""
        todo = list(todo)
        self._tail: Counter[str] = Counter()
        for trial in self.plan.trials:
            for name in trial.needs:
                self._tail[name] = max(self._tail[name], trial.config.epochs)
        self.open.update(todo)
        self._through.clear()
        for i in self.open:
            for epoch in self.plan.tree.forks(i):
                self._through[self.plan.tree.name(i, epoch)].append(i)
        for i in todo:
            self._push(i)

    def next(self) -> Task | None:
        """The task to begin now; None if all that is left must wait."""
        if self.alone & self.running.keys():
            return None
        chosen, loners = None, []
        while chosen is None and self._heap:
            i = self._ripe(heappop(self._heap))
            if i in self.alone:
                loners.append(i)
            else:
                chosen = i
        if chosen is None and loners and not self.running:
            chosen = loners.pop(0)
        for i in loners:
            self._push(i)
        return None if chosen is None else self._start(chosen)

    def _ripe(self, key: tuple[int, int, int]) -> int | None:
        """The training of an entry of the heap if it may begin now; if not, it is kept where it will be found."""
        i = key[2]
        if i not in self.open or i in self.running:
            return None
        missing = self.plan.trials[i].needs - self.ready
        if missing:
            self._held[min(missing)].append(i)
        elif key != self._key(i):  # a deeper state was stored meanwhile
            self._push(i)
        elif (coming := self._awaited(i)) is not None:
            self._held[coming].append(i)
        elif i in self.stops or self._seen.get(i, -1) < self._until(i):
            return i
        return None

    def stored(self, i: int, epoch: int) -> None:
        """The state of a running training after so many epochs is stored."""
        self._seen[i] = max(self._seen.get(i, 0), epoch)
        ahead = self.running.get(i, [])
        while ahead and ahead[0] <= epoch:
            self._let_go(i, ahead.pop(0), stored=True)
        self.at[i] = max(self.at[i], epoch)

    def released(self, i: int, ended: bool) -> None:
        """A training does not run any more: it ended, or goes on later, when it is its turn."""
        for epoch in self.running.pop(i, []):
            self._let_go(i, epoch, stored=False)
        if ended:
            self.open.discard(i)
        else:
            self._push(i)

    def made(self, name: str) -> None:
        """What trainings wait for is there: a ranking, or weights to start from."""
        self.ready.add(name)
        self._free(name)

    def drop(self, name: str) -> set[int]:
        """It cannot be made: those that wait for it never start, and are returned."""
        dropped = {i for i in self.open if name in self.plan.trials[i].needs}
        self.open -= dropped
        return dropped

    def again(self, trainings: Iterable[int]) -> None:
        """Limits or stops of these have changed: look at them, if they rest."""
        for i in trainings:
            if i in self.open and i not in self.running:
                self._push(i)

    def waiting(self) -> Counter[int | str]:
        """How many trainings wait: for a running one, by its place in the plan, or for what must be made, by name."""
        coming = {self.plan.tree.name(i, epoch): i for i, epochs in self.running.items() for epoch in epochs}
        found: Counter[int | str] = Counter()
        for what, held in self._held.items():
            awaited = what if isinstance(what, str) else coming.get(what)
            rest = sum(i in self.open and i not in self.running for i in set(held))
            if rest and awaited is not None:
                found[awaited] += rest
        return found

    def _start(self, i: int) -> Task:
        until, since = self._until(i), self.at[i]
        self.running[i] = [epoch for epoch in self.plan.tree.forks(i) if since < epoch <= until]
        self._coming.update(self.plan.tree.name(i, epoch) for epoch in self.running[i])
        return Task(i, since, until, self.stops.get(i))

    def _awaited(self, i: int) -> int | None:
        """The deepest state on its way that a running training will store, if it is deeper than what is stored."""
        forks, until = self.plan.tree.forks(i), self._until(i)
        names = (self.plan.tree.name(i, epoch) for epoch in reversed(forks) if self.at[i] < epoch <= until)
        return next((name for name in names if self._coming[name] > 0), None)

    def _let_go(self, i: int, epoch: int, stored: bool) -> None:
        name = self.plan.tree.name(i, epoch)
        self._coming[name] -= 1
        if stored:
            for j in self._through.get(name, ()):
                self.at[j] = max(self.at[j], epoch)
        self._free(name)

    def _free(self, name: int | str) -> None:
        for i in self._held.pop(name, ()):
            self._push(i)

    def _push(self, i: int) -> None:
        heappush(self._heap, self._key(i))

    def _key(self, i: int) -> tuple[int, int, int]:
        trial = self.plan.trials[i]
        ahead = self._tail[trial.makes] if trial.makes else 0
        return (self.at[i] - trial.config.epochs - ahead, -self.plan.tree.shared(i), i)

    def _until(self, i: int) -> int:
        return int(self.stops[i]["epoch"]) if i in self.stops else self.limit(i)

    def _whole(self, i: int) -> int:
        return self.plan.trials[i].config.epochs
