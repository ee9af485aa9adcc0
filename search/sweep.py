"""One run of a sweep: what is left to do, doing it, and saying how it went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rich.console import Console

from search.borrowing import adopt
from search.budget import Purse
from search.cluster import cluster
from search.execute import run, scratch
from search.interrupt import Interrupt
from search.jobs import Job
from search.keeping import Keeper, depths
from search.machines import slots
from search.nodereport import Report
from search.nodes import examined, notes
from search.packing import packed
from search.plan import Plan, Planned
from search.progress import Watch
from search.rankings import make_ranking
from search.rounds import Rounds
from search.schedule import Schedule, Task
from search.searchers import Queue
from search.sources import Sources, source_key
from search.space import Space
from search.starting import lost
from search.steering import Steering
from search.stopping import RobustStopping
from search.store import Store
from trainers.chain import training_code
from trainers.records import Row


class Sweep:
    """Runs the trainings of a plan that have no result yet."""

    def __init__(
        self, store: Store, plan: Plan, space: Space, sources: Sources, console: Console,
        renamed: dict[str, str] | None = None, rounds: Rounds | None = None,
    ) -> None:  # fmt: skip
        """`renamed`: trainings that the folder holds under other ids, by the name of their last state."""
        self.store, self.plan, self.space, self.sources, self.console = store, plan, space, sources, console
        self._renamed = renamed or {}
        self.rounds = rounds
        self._watch: Watch | None = None
        self._blocked: dict[str, str] = {}  # what cannot be made -> why
        self._first: dict[str, int] = {}  # by the name of its last state, who trains it
        self._twins: dict[str, list[int]] = defaultdict(list)  # ... and who else is the same training
        self.keeper = Keeper(store, plan, space.search.keep)
        self.steering: Steering | None = None
        if isinstance(space.search.stopping, RobustStopping):
            self.steering = Steering(store.folder, plan, space.search.stopping, self._classes)
        self.purse = Purse(space.search.budget, store.folder)
        self.slots = 0
        self.nodes: list[Report] = []
        self.interrupted = False

    def ended(self) -> bool:
        """Whether any trial has a result, so that there is something to report."""
        return any(self.store.result(trial.id, trial.final) for trial in self.plan.trials)

    def unfinished(self) -> list[Planned]:
        return [trial for trial in self.plan.trials if self._open(trial)]

    def _open(self, trial: Planned) -> bool:
        """Whether there is something to do: it has no result, or was stopped and is trained on after all."""
        result = self.store.result(trial.id, trial.final)
        return result is None or bool(self.steering and self.steering.open(trial, result))

    def run(self, address: str | None, command: str) -> int:
        """Train what is unfinished. Returns the exit code."""
        self.adopt()
        known = len(self.plan.trials) - len(self.unfinished())
        self.prepare()
        total, waiting = len(self.plan.trials), self.unfinished()
        if not waiting:
            self.console.print(f"{self.store.folder.name} is finished: all {total} trainings have their results.")
            return self._verdict(None, command)
        self.console.print(
            f"{self.store.folder.name}: {total} trainings" + (f", {known} of them ended before" if known else "")
        )
        if not self.schedule.open:
            return self._verdict(None, command)
        interrupt = Interrupt()
        queue = Queue(self.schedule, self._job, self)
        with cluster(address, interrupt):
            self.nodes = examined(address, self.store.folder, self.space.resources)
            for note in notes(self.nodes):
                self.console.print(f"note: {note}", markup=False, soft_wrap=True)
            resources = packed(
                self.plan, self.sources.loaded, self.space.resources, self.store.folder, self.nodes, self.console
            )
            self.slots = slots(resources)
            self.purse.gpus = resources.amounts.get("GPU", 0.0)
            done = {trial.id for trial in self.plan.trials} - {trial.id for trial in waiting}
            with Watch(self.console, self.plan.trials, done, self.slots) as watch:
                self._watch = watch
                trouble = run(
                    queue, self.sources.loaded, resources, self.space.search.retries,
                    watch, interrupt, self.slots, scratch(self.store.folder),
                )  # fmt: skip
        if watch.disk_full:
            trouble = f"the disk is full ({self.store.folder}); free some room, then carry on with the same command"
        self.interrupted = bool(interrupt.code)
        return self._verdict(trouble, command) and (interrupt.code or 1)

    def prepare(self) -> None:
        """Plan from what is stored: where every training goes on, what is made, and which states are still wanted."""
        self.schedule = Schedule(self.plan, (), {})
        self._begin(range(len(self.plan.trials)))
        self.keeper.tidy(self.store.stored())
        self._go_on()

    def _begin(self, places: Iterable[int]) -> None:
        """Let trainings of the plan be scheduled, those that have something to do."""
        if self.steering:
            self.steering.enter()
        at = depths(self.plan, self.store.stored())
        todo, paid = [], self.purse.pays(self.plan)
        for i in places:
            if i >= paid:
                break
            trial = self.plan.trials[i]
            if self._open(trial) and self._first.setdefault(trial.final, i) == i:
                todo.append(i)
            elif self._open(trial):
                self._twins[trial.final].append(i)
        ready, blocked = self._made([self.plan.trials[i] for i in todo])
        self._blocked |= blocked
        self.keeper.begin(todo, at)
        self.schedule.at.update({i: at[i] for i in todo if i in at})
        self.schedule.ready |= ready
        self.schedule.add(todo)
        for name in self._blocked:
            self.schedule.drop(name)
        if self.steering:
            self.steering.steer(self.schedule)

    def adopt(self) -> None:
        """Give trials that have no result that of the same training, if it ended under another id."""
        left = {trial.id for trial in self.unfinished()}
        ended = {trial.final: trial.id for trial in self.plan.trials if trial.id not in left}
        self._adopt(self._renamed | ended, range(len(self.plan.trials)))

    def _adopt(self, trained: dict[str, str], trials: Iterable[int]) -> None:
        """Give trials the records of the same training under another id: `trained` has that by their last state."""
        for i in trials:
            trial = self.plan.trials[i]
            source = trained.get(trial.final)
            known = source == trial.id or self.store.result(trial.id, trial.final)
            if source and not known and self.store.result(source, trial.final):
                adopt(self.store, source, self._job(Task(i, 0, trial.config.epochs)))

    def reported(self, i: int, result: Row) -> None:
        """A training goes on: what shares its new state needs no older one."""
        if result["stored"]:
            self.keeper.stored(i, result["stored"])
        if self.steering:
            self.steering.reported(self.schedule, i, result["rows"])

    def over(self, i: int, outcome: str) -> None:
        """A training ended; what others wait for is made once all have ended that make it."""
        trial = self.plan.trials[i]
        if outcome in ("completed", "diverged"):
            self.keeper.ended(i)
            self._adopt({trial.final: trial.id}, self._twins.get(trial.final, ()))
        if trial.makes and outcome != "paused":
            self._made_by(trial.makes)
        if self.steering:
            self.steering.over(self.schedule, i, outcome)
        self._go_on()

    def _made_by(self, name: str) -> None:
        """Make what others wait for, once all have ended that make it."""
        if any(self.plan.trials[j].makes == name for j in self.schedule.open):
            return
        why = self._make(name)
        if why is None:
            self.schedule.made(name)
        else:
            self._blocked[name] = why
            self.schedule.drop(name)

    def _go_on(self) -> None:
        """Once nothing is left to do: finish what was stopped near a front, then ask for further configurations."""
        while not self.schedule.open and not self.purse.short(self.plan):
            places = self.steering.finish(self.schedule) if self.steering else []
            if not places and self.rounds:
                places = self.rounds.more(self.plan)
            if not places:
                return
            if self._watch:
                self._watch.grow(self.plan.trials)
            self._begin(places)

    def _classes(self, trial: Planned) -> int:
        data = self.sources.prepared(trial.config.data)
        assert data is not None  # a sweep that runs has loaded it
        return data.classes

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
            return make_ranking(self.store, self.plan.rankings[ranks], self._makers(ranks), self.sources)
        except OSError as error:
            return f"{ranks} cannot be written: {error.strerror or error}; free some room"

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
            threads=self.plan.threads,
            code=self.plan.code,
            trains=training_code(),
            checkpoint_seconds=self.space.search.checkpoint_seconds,
            forks=(*forks, trial.config.epochs) if trial.kind == "pretrain" else forks,
            keep=self.space.search.keep,
            since=task.since,
            until=task.until,
            stop=task.stop,
        )

    def _verdict(self, trouble: str | None, command: str) -> int:
        """Judge from the store, say what is missing and how to go on; 0 if nothing is, else 1."""
        left = self.unfinished()
        if not left:
            return 0
        failed = [trial for trial in left if (self.store.trial(trial.id) / "error.txt").exists()]
        for trial in failed[:5]:
            path = self.store.trial(trial.id) / "error.txt"
            self.console.print(
                f"failed: {trial.id}: {path.read_text().strip().splitlines()[-1]} ({path})", markup=False
            )
        for why in self._blocked.values():
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
