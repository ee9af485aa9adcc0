"""One run of a sweep: what is left to do, doing it, and saying how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from search.cluster.node_report import NodeReport
from search.execution.backend import Backend, Workload
from search.execution.budget_tracker import BudgetTracker
from search.execution.failures import read_last_error_line, write_error
from search.execution.job_queue import JobQueue, Retries
from search.execution.repair import discard_torn_results
from search.execution.reuse import DuplicateTrials
from search.execution.stopping_controller import StoppingController
from search.execution.summary import STOPPED_ON_REQUEST, RunSummary
from search.execution.upstream import UpstreamBuilder
from search.formatting import format_count
from search.monitor.live import LiveView
from search.monitor.trackers import TrackerCallback, build_loggers
from search.planning.datasets import DatasetCache
from search.planning.jobs import ENDED_IN_RUN, JobFactory, Report
from search.planning.plan import Plan, PlannedTrial
from search.planning.retention import StateRetention, find_deepest_epochs
from search.planning.schedule import Schedule
from search.sampling.ask_tell import AskTellLoop
from search.schema.blocks import Space
from search.signals import Interrupt
from search.store import health
from search.store.store import Store
from trainers.terminal.console import Console


class Sweep:
    """Runs the trainings of a plan that have no result yet."""

    def __init__(
        self, store: Store, plan: Plan, space: Space, sources: DatasetCache, console: Console, backend: Backend,
        renamed: dict[str, str] | None = None, rounds: AskTellLoop | None = None,
    ) -> None:  # fmt: skip
        """`renamed`: trainings that the folder holds under other ids, by the name of their last state."""
        self.backend = backend
        self.store, self.plan, self.space, self.sources, self.console = store, plan, space, sources, console
        self.rounds = rounds
        self._blocked: dict[str, str] = {}  # what cannot be made -> why
        self.orders = JobFactory(store, plan, space.search)
        self.twins = DuplicateTrials(store, plan, renamed or {}, self.orders.make_whole)
        self.maker = UpstreamBuilder(store, plan, sources)
        self.keeper = StateRetention(store, plan, space.search.keep)
        self.stopping: StoppingController | None = None
        if plan.stopping.stops:
            self.stopping = StoppingController(store.folder, plan, self._classes)
        self.purse = BudgetTracker(space.search.budget, store.folder)
        self._spent: str | None = None  # the budget that is used up
        self.spent: str | None = None  # the budget that ended it
        self.nodes: list[NodeReport] = []
        self.interrupted = False
        self._said: list[str] = []  # how it went

    def ended(self) -> bool:
        """Whether any trial has a result, so that there is something to report."""
        return any(self.store.read_result(trial.id, trial.final) for trial in self.plan.trials)

    def unfinished(self) -> list[PlannedTrial]:
        return [trial for trial in self.plan.trials if self._open(trial)]

    def _open(self, trial: PlannedTrial) -> bool:
        """Whether there is something to do: it has no result, or was stopped and is trained on after all."""
        result = self.store.read_result(trial.id, trial.final)
        return result is None or bool(self.stopping and self.stopping.is_resumed(trial, result))

    def run(self, command: str) -> int:
        """Train what is unfinished. Returns the exit code; `conclude` says how it went."""
        for torn in discard_torn_results(self.store, self.plan):
            self._tell(torn)
        for line in self.stopping.damage.lines() if self.stopping else ():
            self._tell(f"{line}; what followed is decided again of the same records")
        self.twins.copy_known_results()
        known = len(self.plan.trials) - len(self.unfinished())
        self.prepare()
        total, waiting = len(self.plan.trials), self.unfinished()
        if not waiting:
            have = "its training has its result" if total == 1 else f"all {total} trainings have their results"
            self.console.print(f"{self.store.folder.name} is finished: {have}.")
            return self._judged(None, command)
        self.console.print(
            f"{self.store.folder.name}: {format_count(total, 'training')}"
            f"{' so far' if self.space.search.adapts else ''}" + (f", {known} of them ended before" if known else "")
        )
        if self.space.resources.gpus != "auto":
            self.purse.gpus_per_training = self.space.resources.gpus
        self._pay()
        if not self.schedule.unfinished or self._spent:
            return self._judged(None, command)
        loggers = build_loggers(self.space.search.loggers, self.store.folder)
        interrupt = Interrupt(command)
        workload = Workload(
            self.store.folder, self.plan, self.sources.loaded, self.space.resources, interrupt, self.console, self._tell
        )
        with self.backend.prepare(workload) as capacity:
            self.nodes = list(capacity.nodes)
            self.orders.slots = capacity.slots
            self.purse.gpus_per_training = capacity.resources.amounts.get("GPU", 0.0)
            with (
                TrackerCallback(self.store.folder, loggers, self._tell, lambda: bool(interrupt.exit_code)) as trackers,
                LiveView(self.console, self.store.folder, self.schedule, self.keeper, capacity.slots) as self._watch,
            ):
                trouble = self.backend.run(workload, capacity, self.queue, [self._watch, trackers])
        self.interrupted = bool(interrupt.exit_code)
        return self._judged(trouble, command) and (interrupt.exit_code or 1)

    def prepare(self) -> None:
        """Plan from what is stored: where every training goes on, what is made, and which states are still wanted."""
        self.schedule = Schedule(self.plan, (), {})
        self.queue = JobQueue(self.schedule, self.orders.make, self, Retries(self.space.search.retries))
        self._begin(range(len(self.plan.trials)))
        self.keeper.forget_leftovers(self.store.list_states())
        self._go_on()

    def _begin(self, places: Iterable[int]) -> None:
        """Let trainings of the plan be scheduled, those that have something to do."""
        at, paid = find_deepest_epochs(self.plan, self.store.list_states()), self.purse.count_affordable(self.plan)
        firsts = [i for i in places if self.twins.find_representative(i) == i]
        wanted = [i for i in firsts if self._open(self.plan.trials[i])]
        todo = [i for i in wanted if i < paid]
        ready, blocked = self.maker.build_ready([self.plan.trials[i] for i in todo])
        self._blocked |= blocked
        self.keeper.add(wanted, at)  # a budget may be raised
        self.schedule.stored_epochs.update({i: at[i] for i in todo if i in at})
        self.schedule.ready |= ready
        self.schedule.add(todo)
        if self.stopping:
            self.stopping.add_trials(i for i in firsts if i < paid)  # nobody waits for those that are not trained
        for name in self._blocked:
            self._drop(name)
        if self.stopping:
            self.stopping.attach(self.schedule)

    def _drop(self, name: str) -> None:
        """What trainings wait for cannot be made."""
        dropped = self.schedule.drop_dependents(name)
        if self.stopping:
            self.stopping.drop_trials(dropped)

    def reported(self, i: int, report: Report) -> None:
        """A training goes on: what shares its new state needs no older one."""
        with self._storing():
            if report.stored:
                self.keeper.record_state(i, report.stored)
            if self.stopping:
                self.stopping.on_report(self.schedule, i, report.rows)
            self._pay()

    def depth(self, i: int) -> int:
        """After how many epochs the deepest state of a training is stored."""
        with self._storing():
            return self.store.find_deepest_epoch(self.plan.trials[i].chain)
        return 0

    def again(self, i: int, why: str) -> None:
        """A training came to no end; if that is since nothing can be stored, no other will."""
        self.queue.trouble = self.queue.trouble or health.find_storage_problem(self.store.folder)
        if not self.queue.trouble:
            name = self.plan.trials[i].id
            self._watch.report_retry(name, read_last_error_line(self.store, name) or why)

    def over(self, i: int, outcome: str, why: str = "") -> None:
        """A training ended; what others wait for is made once all have ended that make it."""
        trial = self.plan.trials[i]
        with self._storing():
            if outcome in ("completed", "diverged"):
                self.keeper.record_end(i)
            if outcome in ("completed", "diverged", "stopped"):
                self.twins.copy_result(i)
            elif outcome == "failed" and not read_last_error_line(self.store, trial.id):
                write_error(self.store, trial.id, why)
            for j in (i, *self.twins.find_duplicates(i)) if outcome in ENDED_IN_RUN else ():
                if name := self.plan.trials[j].produces:
                    self._made_by(name)
            if self.stopping:
                self.stopping.on_end(self.schedule, i, outcome)
            self._go_on()
            self._pay()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """What the driver cannot store ends the sweep, as what a worker cannot."""
        try:
            yield
        except OSError as error:
            self.queue.trouble = health.find_storage_problem_behind(error, self.store.folder) or str(error)

    def _made_by(self, name: str) -> None:
        """Make what others wait for, once all have ended that make it."""
        makers = {
            self.twins.find_representative(j) for j, trial in enumerate(self.plan.trials) if trial.produces == name
        }
        if makers & self.schedule.unfinished:
            return
        why = self.maker.build(name)
        if why is None:
            self.schedule.mark_ready(name)
        else:
            self._blocked[name] = why
            self._drop(name)
            if self.stopping:
                self.stopping.attach(self.schedule)

    def _go_on(self) -> None:
        """Once nothing is left to do: ask for further configurations, then finish what was stopped near a front."""
        while not self.schedule.unfinished and not self.purse.find_shortfall(self.plan):
            places = self.rounds.plan_more(self.plan) if self.rounds else []
            if not places and self.stopping:
                places = self.stopping.resume_trials(self.schedule)
            if not places:
                return
            self._begin(places)

    def _pay(self) -> None:
        """End the sweep where a budget is used up."""
        if not self.queue.trouble and (spent := self.purse.find_exhausted_budget()):
            self._spent = self.queue.trouble = spent

    def conclude(self) -> None:
        """How it went, which is the last that is said."""
        for line in self._said:
            self.console.print(line, soft_wrap=True)

    def _judged(self, trouble: str | None, command: str) -> int:
        spent = self._spent or self.purse.find_shortfall(self.plan)
        never = {name for name in self._blocked if self.maker.is_impossible(name)}
        verdict = RunSummary(self.store, len(self.plan.trials), self.unfinished(), self._blocked, never)
        code, self._said = verdict.summarize(STOPPED_ON_REQUEST if self.interrupted else trouble, spent, command)
        self.spent = spent if verdict.unfinished and not code else None
        return code

    def _tell(self, note: str) -> None:
        self.console.print(f"note: {note}", soft_wrap=True)

    def _classes(self, trial: PlannedTrial) -> int:
        data = self.sources.prepare(trial.config.data)
        assert data is not None  # a sweep that runs has loaded it
        return data.classes
