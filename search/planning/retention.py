"""How long states are kept: each exactly as long as a training still needs it, or as the user pins it."""

from __future__ import annotations

from collections import Counter, defaultdict

from search.planning.plan import Plan
from search.schema.blocks import Keep
from search.store.store import Store


def deepest_stored_epochs(plan: Plan, stored: set[str]) -> dict[int, int]:
    """After how many epochs the deepest stored state of each training stands; without those that have none."""
    if not stored:
        return {}
    found = {}
    for i, trial in enumerate(plan.trials):
        for epoch in range(len(trial.chain) - 1, 0, -1):
            if trial.chain[epoch] in stored:
                found[i] = epoch
                break
    return found


class StateRetention:
    """Forgets forks that no training goes on from any more; what only one training wants, its worker forgets."""

    def __init__(self, store: Store, plan: Plan, keep: Keep) -> None:
        self.store, self.plan, self.keep = store, plan, keep
        self.freed = 0  # bytes
        self.forgotten = 0  # states
        self._depth: dict[int, int] = {}  # of the deepest stored state of each open training
        self._users: Counter[str] = Counter()  # open trainings whose deepest stored state it is
        self._starters: Counter[str] = Counter()  # open trainings that begin with the weights of a last state
        self._through: dict[str, list[int]] = defaultdict(list)  # open trainings by fork
        self._last: set[str] = set()

    def begin(self, todo: list[int], at: dict[int, int]) -> None:
        """Trainings that will want states; `at` as `depths` has it."""
        self._last = {trial.final for trial in self.plan.trials}
        for i in todo:
            if i in self._depth:  # stopped, and taken up again
                continue
            trial = self.plan.trials[i]
            self._depth[i] = at.get(i, 0)
            self._users[trial.chain[self._depth[i]]] += 1
            if trial.start and trial.start.training:
                self._starters[trial.start.content] += 1
            for epoch in self.plan.tree.forks(i):
                self._through[trial.chain[epoch]].append(i)

    def tidy(self, stored: set[str]) -> None:
        """Forget what a sweep that was cut off has left, and nobody wants now."""
        forks = {t.chain[epoch] for i, t in enumerate(self.plan.trials) for epoch in self.plan.tree.forks(i)}
        ended = {t.final for i, t in enumerate(self.plan.trials) if i not in self._depth}
        for name in stored & (forks | ended):
            self._weigh(name)

    def stored(self, i: int, epoch: int) -> None:
        """A training's state after so many epochs is stored: whoever shares it wants no shallower one."""
        name = self.plan.trials[i].chain[epoch]
        for j in {i, *self._through.get(name, ())}:
            if self._depth.get(j, epoch) < epoch:
                self._leave(j)
                self._depth[j] = epoch
                self._users[name] += 1

    def ended(self, i: int) -> None:
        """A training has its result."""
        trial = self.plan.trials[i]
        if i in self._depth:
            self._leave(i)
            del self._depth[i]
        if trial.start and trial.start.training:
            self._starters[trial.start.content] -= 1
            self._weigh(trial.start.content)
        self._weigh(trial.final)

    def _leave(self, i: int) -> None:
        name = self.plan.trials[i].chain[self._depth[i]]
        self._users[name] -= 1
        if self._depth[i] in self.plan.tree.forks(i):
            self._weigh(name)

    def _weigh(self, name: str) -> None:
        """Forget a state if nothing holds it."""
        wanted = self._users[name] > 0 or self._starters[name] > 0
        if wanted or self.keep in ("all", "forks") or (name in self._last and self.keep == "best"):
            return
        freed = self.store.drop_state(name)
        self.freed += freed
        self.forgotten += freed > 0
