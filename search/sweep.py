"""One run of a sweep: what is left to do, doing it, and saying how it went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from search import storage
from search.execute import Interrupt, cluster, run, slots
from search.failures import note, noted
from search.jobs import Job
from search.keeping import Keeper, depths
from search.plan import Plan, Planned
from search.progress import Watch
from search.rankings import make_ranking
from search.retrying import Retries
from search.schedule import Schedule, Task
from search.searchers import Queue
from search.sources import Sources, source_key
from search.space import Space
from search.starting import lost
from search.store import Store
from trainers.records import Row


class Sweep:
    """Runs the trainings of a plan that have no result yet."""

    def __init__(self, store: Store, plan: Plan, space: Space, sources: Sources, console: Console) -> None:
        self.store, self.plan, self.space, self.sources, self.console = store, plan, space, sources, console
        self.keeper = Keeper(store, plan, space.search.keep)
        self.slots = 0
        self.interrupted = False

    def ended(self) -> bool:
        """Whether any trial has a result, so that there is something to report."""
        return any(self.store.result(trial.id, trial.final) for trial in self.plan.trials)

    def unfinished(self) -> list[Planned]:
        return [trial for trial in self.plan.trials if self.store.result(trial.id, trial.final) is None]

    def run(self, address: str | None, command: str) -> int:
        """Train what is unfinished. Returns the exit code."""
        waiting = self.unfinished()
        total = len(self.plan.trials)
        ready, blocked = self._made(waiting)
        if not waiting:
            self.console.print(f"{self.store.folder.name} is finished: all {total} trainings have their results.")
            return self._verdict(None, {}, command)
        known = total - len(waiting)
        self.console.print(
            f"{self.store.folder.name}: {total} trainings" + (f", {known} of them ended before" if known else "")
        )
        if all(trial.needs & blocked.keys() for trial in waiting):
            return self._verdict(None, blocked, command)
        self._prepare(ready, blocked)
        interrupt = Interrupt()
        self._queue = Queue(self._schedule, self._job, self, Retries(self.space.search.retries))
        with cluster(address, interrupt):
            self.slots = slots(self.space.resources)
            done = {trial.id for trial in self.plan.trials} - {trial.id for trial in waiting}
            with Watch(self.console, self.plan.trials, done, self.slots) as self._watch:
                trouble = run(
                    self._queue, self.sources.loaded, self.space.resources,
                    self._watch, interrupt, self.slots, self.store.folder / ".tune",
                )  # fmt: skip
        self.interrupted = bool(interrupt.code)
        return self._verdict(trouble, blocked | self._blocked, command) and (interrupt.code or 1)

    def _prepare(self, ready: set[str], blocked: dict[str, str]) -> None:
        """Plan from what is stored: where every training goes on, and which states are still wanted."""
        stored = self.store.stored()
        at = depths(self.plan, stored)
        left = {trial.id for trial in self.unfinished()}
        todo = [i for i, trial in enumerate(self.plan.trials) if trial.id in left]
        self.keeper.begin(todo, at)
        self.keeper.tidy(stored)
        self._schedule = Schedule(self.plan, todo, at, ready)
        self._blocked: dict[str, str] = {}
        for name in blocked:
            self._schedule.drop(name)

    def reported(self, i: int, result: Row) -> None:
        """A training goes on: what shares its new state needs no older one."""
        if result["stored"]:
            with self._storing():
                self.keeper.stored(i, result["stored"])

    def depth(self, i: int) -> int:
        """After how many epochs the deepest state of a training is stored."""
        with self._storing():
            return self.store.depth(self.plan.trials[i].chain)
        return 0

    def again(self, i: int, why: str) -> None:
        """A training came to no end; if that is since nothing can be stored, no other will."""
        self._queue.trouble = self._queue.trouble or storage.trouble(self.store.folder)
        if not self._queue.trouble:
            name = self.plan.trials[i].id
            self._watch.again(name, noted(self.store, name) or why)

    def over(self, i: int, outcome: str, why: str = "") -> None:
        """A training ended; what others wait for is made once all have ended that make it."""
        with self._storing():
            if outcome in ("completed", "diverged"):
                self.keeper.ended(i)
            elif outcome == "failed":
                self._failed(self.plan.trials[i].id, why)
            self._make_of(i, outcome)

    def _failed(self, trial: str, why: str) -> None:
        self._watch.failed(trial)
        if not noted(self.store, trial):
            note(self.store, trial, why)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """What the driver cannot store ends the sweep, as what a worker cannot."""
        try:
            yield
        except OSError as error:
            self._queue.trouble = storage.trouble_of(error, self.store.folder) or str(error)

    def _make_of(self, i: int, outcome: str) -> None:
        name = self.plan.trials[i].makes
        if name is None or outcome == "paused" or any(self.plan.trials[j].makes == name for j in self._schedule.open):
            return
        why = self._make(name)
        if why is None:
            self._schedule.made(name)
        else:
            self._blocked[name] = why
            self._schedule.drop(name)

    def _made(self, waiting: list[Planned]) -> tuple[set[str], dict[str, str]]:
        """What is there of rankings and of weights that are waited for; rankings are made now; and why others are not.

        Of trainings that have not all ended nothing is said.
        """
        ready, blocked = set(), {}
        for name in set(self.plan.rankings).union(*(trial.needs for trial in waiting)):
            if all(self.store.result(trial.id, trial.final) for trial in self._makers(name)):
                why = self._make(name)
                if why is None:
                    ready.add(name)
                else:
                    blocked[name] = why
        return ready, blocked

    def _makers(self, name: str) -> list[Planned]:
        return [trial for trial in self.plan.trials if trial.makes == name]

    def _make(self, name: str) -> str | None:
        """Make what trainings that have ended make together, or a file has. Returns why it cannot be, if so."""
        if name in self.plan.rankings:
            why = self._rank(name)
            return why and f"a ranking: {why}"
        (training,) = self._makers(name)
        why = self._weights(training)
        return why and f"weights: {why}"

    def _rank(self, ranks: str) -> str | None:
        try:
            storage.check(self.store.folder)
            return make_ranking(self.store, self.plan.rankings[ranks], self._makers(ranks), self.sources)
        except OSError as error:
            return f"{ranks} cannot be written: {storage.trouble_of(error, self.store.folder) or error}"

    def _weights(self, trial: Planned) -> str | None:
        result = self.store.result(trial.id, trial.final)
        if result is None or result["status"] != "completed":
            return f"{trial.id} {'did not end' if result is None else result['status']}, and trials start from it"
        return None if self.store.state(trial.final) else lost(trial.id)

    def _job(self, task: Task) -> Job:
        trial = self.plan.trials[task.i]
        forks = self.plan.tree.forks(task.i)
        return Job(
            folder=str(self.store.folder),
            trial=trial.id,
            config=trial.config.model_dump(mode="json"),
            evaluation=self.plan.evaluation.model_dump(mode="json"),
            data=trial.data,
            source=source_key(trial.config.data),
            ranks=trial.ranks if trial.kind == "trial" else None,
            start=trial.start.model_dump() if trial.start else None,
            final=trial.final,
            threads=self.space.resources.cpus,
            checkpoint_seconds=self.space.search.checkpoint_seconds,
            timeout=self.space.search.timeout,
            forks=(*forks, trial.config.epochs) if trial.kind == "pretrain" else forks,
            keep=self.space.search.keep,
            since=task.since,
            until=task.until,
            stop=task.stop,
        )

    def _verdict(self, trouble: str | None, blocked: dict[str, str], command: str) -> int:
        """Judge from the store, say what is missing and how to go on; 0 if nothing is, else 1."""
        if trouble and not self.store.folder.exists():
            self.console.print(f"Stopped: {trouble}:\n  {command}", markup=False, soft_wrap=True)
            return 1
        left = self.unfinished()
        if not left:
            return 0
        failed = [trial for trial in left if (self.store.trial(trial.id) / "error.txt").exists()]
        for trial in failed[:5]:
            path = self.store.trial(trial.id) / "error.txt"
            self.console.print(
                f"failed: {trial.id}: {path.read_text().strip().splitlines()[-1]} ({path})", markup=False
            )
        for why in blocked.values():
            self.console.print(f"not started for want of {why}", markup=False)
        if self.interrupted:
            self.console.print("Stopped, as asked.")
        elif trouble:
            self.console.print(f"Stopped: {trouble}", markup=False, soft_wrap=True)
        self.console.print(
            f"{len(left)} of {len(self.plan.trials)} trainings have no result yet. All that was trained is kept; "
            f"the same command carries on:\n  {command}",
            markup=False,
            soft_wrap=True,
        )
        return 1
