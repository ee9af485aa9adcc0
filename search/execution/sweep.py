"""One run of a sweep: find the unfinished trainings, train them on a backend, and report how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager

from search.cluster.node_report import NodeReport
from search.execution.backend import Backend, Workload
from search.execution.budget_tracker import BudgetTracker
from search.execution.failures import read_last_error_line, write_error
from search.execution.job_queue import JobQueue, Retries
from search.execution.prerequisites import PrerequisiteBuilder
from search.execution.repair import discard_torn_results
from search.execution.reuse import DuplicateTrials
from search.execution.stopping_controller import StoppingController
from search.execution.summary import STOPPED_ON_REQUEST, RunSummary, describe_first_failure
from search.monitor.cost_model import Costs
from search.monitor.live import LiveView
from search.monitor.probe import probe_costs
from search.monitor.trackers import TrackerCallback, build_loggers
from search.planning.datasets import DatasetCache
from search.planning.front_first import FrontAttacks
from search.planning.jobs import ENDED_IN_RUN, JobFactory, Report
from search.planning.measurements import complete_trial, is_unmeasured
from search.planning.plan import Plan, PlannedTrial
from search.planning.retention import StateRetention, find_deepest_epochs
from search.planning.schedule import Schedule
from search.sampling.ask_tell import AskTellLoop
from search.schema.blocks import Space
from search.signals import Interrupt
from search.store import health
from search.store.store import Store
from trainers.formatting import format_count
from trainers.record_io import Row
from trainers.terminal.console import Console


class Sweep:
    """Runs the trainings of a plan that have no result yet."""

    def __init__(
        self, store: Store, plan: Plan, space: Space, sources: DatasetCache, console: Console, backend: Backend,
        renamed: dict[str, str] | None = None, asking: AskTellLoop | None = None, measured: Set[str] | None = None,
    ) -> None:  # fmt: skip
        """Prepare to run what the folder lacks of a plan.

        `renamed` maps the last state of trainings that the folder holds under other ids to these ids. `measured`: the
        ids of finished trainings that are only measured; None: all trainings are trained and measured.
        """
        self.backend, self._measured = backend, measured
        self.store, self.plan, self.space, self.sources, self.console = store, plan, space, sources, console
        self.asking = asking
        self._blocked: dict[str, str] = {}  # ranking or weights that cannot be built -> why
        self.front = FrontAttacks(plan, self._read_result, space.search.checkpoint)
        self.jobs = JobFactory(store, plan, space.search, self.front)
        self.duplicates = DuplicateTrials(store, plan, renamed or {}, self.jobs.make_whole)
        self.prerequisites = PrerequisiteBuilder(store, plan, sources)
        self.retention = StateRetention(store, plan, space.search.keep)
        self.stopping: StoppingController | None = None
        if plan.stopping.stops:
            self.stopping = StoppingController(store.folder, plan, self._count_classes)
        self.budget = BudgetTracker(space.search.budget, store.folder)
        self._exhausted: str | None = None  # the budget that is used up, in words
        self.spent: str | None = None  # the budget that ended the run, in words
        self.nodes: list[NodeReport] = []
        self.interrupted = False
        self._closing_lines: list[str] = []  # printed last

    def ended(self) -> bool:
        """Return whether any training has a result, so that there is something to report."""
        return any(self.store.read_result(trial.id, trial.final) for trial in self.plan.trials)

    def unfinished(self) -> list[PlannedTrial]:
        """Return the trainings that this run or a later one still has to train."""
        return [trial for trial in self.plan.trials if self._is_unfinished(trial)]

    def _is_unfinished(self, trial: PlannedTrial) -> bool:
        """Return whether a trial has no result, lacks an attack, or was stopped and is to be finished after all."""
        if self._measured is not None and trial.id not in self._measured:
            return False
        result = self.store.read_result(trial.id, trial.final)
        if result is None or is_unmeasured(self.store, trial.id, result, self.plan.evaluation, trial.corrupted):
            return True
        if self.front.is_due(trial):
            return True
        return bool(self.stopping and self.stopping.is_resumed(trial, result))

    def run(self, command: str) -> int:
        """Train all unfinished trainings. Return the exit code; `conclude` prints how the run went."""
        for torn in discard_torn_results(self.store, self.plan):
            self._print_note(torn)
        for line in self.stopping.damage.lines() if self.stopping else ():
            self._print_note(f"{line}; later decisions are made again from the same records")
        self._complete_trials()
        self.duplicates.copy_known_results()
        known = len(self.plan.trials) - len(self.unfinished())
        self.prepare()
        total, waiting = len(self.plan.trials), self.unfinished()
        if not waiting:
            have = "its training has its result" if total == 1 else f"all {total} trainings have their results"
            self.console.print(f"{self.store.folder.name} is finished: {have}.")
            return self._summarize(None, command)
        again = sum(
            is_unmeasured(self.store, trial.id, self._read_result(trial), self.plan.evaluation, trial.corrupted)
            for trial in waiting
        )
        self.console.print(
            f"{self.store.folder.name}: {format_count(total, 'training')}"
            f"{' so far' if self.space.search.grows else ''}"
            + (f", {known} of them ended before" if known else "")
            + (f", {again} of them by fewer measurements than are asked for now" if again else "")
        )
        if self.space.resources.gpus != "auto":
            self.budget.gpus_per_training = self.space.resources.gpus
        self._check_budget()
        if not self.schedule.unfinished or self._exhausted:
            return self._summarize(None, command)
        loggers = build_loggers(self.space.search.loggers, self.store.folder)
        interrupt = Interrupt(command)
        workload = Workload(
            self.store.folder,
            self.plan,
            self.sources.loaded,
            self.space.resources,
            interrupt,
            self.console,
            self._print_note,
        )
        with self.backend.prepare(workload) as capacity:
            self.nodes = list(capacity.nodes)
            self.jobs.slots = capacity.slots
            self.budget.gpus_per_training = capacity.resources.amounts.get("GPU", 0.0)
            with (
                TrackerCallback(
                    self.store.folder, loggers, self._print_note, lambda: bool(interrupt.exit_code)
                ) as trackers,
                LiveView(
                    self.console, self.store.folder, self.schedule, self.retention, capacity.slots, self._probe_costs,
                    self.space.search.expected_trials,
                ) as self._watch,
            ):  # fmt: skip
                trouble = self.backend.run(workload, capacity, self.queue, [self._watch, trackers])
        self.interrupted = bool(interrupt.exit_code)
        return self._summarize(trouble, command) and (interrupt.exit_code or 1)

    def _complete_trials(self) -> None:
        """Give the trainings that are measured again the corrupted test sets of their records.

        Raises SpaceError if these are not there any more.
        """
        for i, trial in enumerate(self.plan.trials):
            if self.plan.evaluation.for_front() or self._is_unfinished(trial):
                self.plan.trials[i] = complete_trial(self.store, trial, self.sources)

    def prepare(self) -> None:
        """Build the schedule from the store: where trainings resume, which rankings exist, which states are kept."""
        self.schedule = Schedule(self.plan, (), {})
        self.queue = JobQueue(self.schedule, self.jobs.make, self, Retries(self.space.search.retries))
        self._schedule_trials(range(len(self.plan.trials)))
        self.retention.forget_leftovers(self.store.list_states())
        self._plan_more()

    def _schedule_trials(self, places: Iterable[int]) -> None:
        """Add trainings of the plan to the schedule, except finished ones and those beyond the budget."""
        at, paid = find_deepest_epochs(self.plan, self.store.list_states()), self.budget.count_affordable(self.plan)
        firsts = [i for i in places if self.duplicates.find_representative(i) == i]
        wanted = [i for i in firsts if self._is_unfinished(self.plan.trials[i])]
        todo = [i for i in wanted if i < paid]
        ready, blocked = self.prerequisites.build_ready([self.plan.trials[i] for i in todo])
        self._blocked |= blocked
        self.retention.add(wanted, at)  # a budget may be raised
        self.schedule.stored_epochs.update({i: at[i] for i in todo if i in at})
        self.schedule.ready |= ready
        self.schedule.measured.update(i for i in todo if self._is_completed(self.plan.trials[i]))
        self.schedule.add(todo)
        if self.stopping:
            self.stopping.add_trials(i for i in firsts if i < paid)  # no trial waits for rivals that are not trained
        for name in self._blocked:
            self._drop_dependents(name)
        if self.stopping:
            self.stopping.attach(self.schedule)

    def _drop_dependents(self, name: str) -> None:
        """Take trainings off the schedule whose ranking or weights cannot be built."""
        dropped = self.schedule.drop_dependents(name)
        if self.stopping:
            self.stopping.drop_trials(dropped)

    def on_report(self, i: int, report: Report) -> None:
        """Handle a report of a training: release older states, and pass its rows to the stopping rule."""
        with self._stopping_on_storage_errors():
            if report.stored:
                self.retention.record_state(i, report.stored)
            if self.stopping:
                self.stopping.on_report(self.schedule, i, report.rows)
            self._check_budget()

    def find_stored_epochs(self, i: int) -> int:
        """Return after how many epochs the deepest state of a training is stored."""
        with self._stopping_on_storage_errors():
            return self.store.find_deepest_epoch(self.plan.trials[i].chain)
        return 0

    def on_retry(self, i: int, why: str) -> None:
        """Handle a failed try. If nothing can be stored any more, the whole sweep stops instead of retrying."""
        self.queue.failure = self.queue.failure or health.find_storage_problem(self.store.folder)
        if not self.queue.failure:
            name = self.plan.trials[i].id
            self._watch.report_retry(name, read_last_error_line(self.store, name) or why)

    def on_end(self, i: int, outcome: str, why: str = "") -> None:
        """Handle the end of a training: copy its result to its duplicates and build what others wait for."""
        trial = self.plan.trials[i]
        with self._stopping_on_storage_errors():
            if outcome in ("completed", "diverged"):
                self.retention.record_end(i)
            if outcome in ("completed", "diverged", "stopped"):
                self.duplicates.copy_result(i)
            elif outcome == "failed" and not read_last_error_line(self.store, trial.id):
                write_error(self.store, trial.id, why)
            for j in (i, *self.duplicates.find_duplicates(i)) if outcome in ENDED_IN_RUN else ():
                if name := self.plan.trials[j].produces:
                    self._build_prerequisite(name)
            if self.stopping:
                self.stopping.on_end(self.schedule, i, outcome)
            if outcome == "failed" and self.space.search.fail_fast:
                self.queue.failure = self.queue.failure or describe_first_failure(self.store, trial.id)
            else:
                self._plan_more()
            self._check_budget()

    @contextmanager
    def _stopping_on_storage_errors(self) -> Iterator[None]:
        """Stop the sweep if the driver cannot store something, as it stops if a worker cannot."""
        try:
            yield
        except OSError as error:
            self.queue.failure = health.find_storage_problem_behind(error, self.store.folder) or str(error)

    def _build_prerequisite(self, name: str) -> None:
        """Build a ranking or weights that others wait for, once all trainings behind it have ended."""
        makers = {
            self.duplicates.find_representative(j) for j, trial in enumerate(self.plan.trials) if trial.produces == name
        }
        if makers & self.schedule.unfinished:
            return
        why = self.prerequisites.build(name)
        if why is None:
            self.schedule.mark_ready(name)
        else:
            self._blocked[name] = why
            self._drop_dependents(name)
            if self.stopping:
                self.stopping.attach(self.schedule)

    def _plan_more(self) -> None:
        """Ask for further trials if the schedule is empty; then resume trials that were stopped near a front."""
        while not self.schedule.unfinished and not self.budget.find_shortfall(self.plan):
            places = self.asking.plan_more(self.plan, self._print_line) if self.asking else []
            if not places and self.stopping:
                places = self.stopping.resume_trials(self.schedule)
            if not places:
                places = self._plan_front_attacks()
            if not places:
                return
            self._schedule_trials(places)

    def _plan_front_attacks(self) -> list[int]:
        """Return the trainings that an attack for the front measures next, once all have ended."""
        measured = [
            i for i, trial in enumerate(self.plan.trials) if self._measured is None or trial.id in self._measured
        ]
        if places := self.front.plan_more(measured):
            count = format_count(len(places), "training")
            self.console.print(f"{count} may be on the front, by the cheaper attacks: AutoAttack measures them now.")
            self.stopping = None  # all is decided: what ended is measured, and neither stopped nor compared
            self.schedule.reopen(places)
        return places

    def _read_result(self, trial: PlannedTrial) -> Row | None:
        return self.store.read_result(trial.id, trial.final)

    def _is_completed(self, trial: PlannedTrial) -> bool:
        return (self._read_result(trial) or {}).get("status") == "completed"

    def _check_budget(self) -> None:
        """Stop the sweep if a budget is used up."""
        self._exhausted = self.budget.stop_if_used_up(self.queue) or self._exhausted

    def conclude(self) -> None:
        """Print how the run went, as its last lines; a command stays whole, to be copied."""
        for line in self._closing_lines:
            text, newline, command = line.partition("\n")
            self.console.print(text)
            if newline:
                self.console.print(command, soft_wrap=True)

    def _summarize(self, trouble: str | None, command: str) -> int:
        spent = self._exhausted or self.budget.find_shortfall(self.plan)
        never = {name for name in self._blocked if self.prerequisites.is_impossible(name)}
        total, grows = len(self.plan.trials), self.space.search.grows
        verdict = RunSummary(self.store, total, self.unfinished(), self._blocked, never, grows)
        code, self._closing_lines = verdict.summarize(
            STOPPED_ON_REQUEST if self.interrupted else trouble, spent, command
        )
        self.spent = spent if verdict.unfinished and not code else None
        return code

    def _print_note(self, note: str) -> None:
        self._print_line(f"note: {note}")

    def _print_line(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)

    def _probe_costs(self, trainings: Iterable[int]) -> dict[int, Costs]:
        """Estimate the costs of whole trainings, by their positions in the plan, from a few steps in this process.

        Trainings on a GPU are left out: this process would take memory there that they were packed without.
        """
        trials = {i: self.plan.trials[i] for i in trainings if self.plan.trials[i].config.compute.device == "cpu"}
        splits = {trial.data: self.sources.prepare(trial.config.data) for trial in trials.values()}
        loaded = {name: data for name, data in splits.items() if data is not None}
        costs = probe_costs(self.plan, trials.values(), loaded)
        return {i: costs[trial.configuration] for i, trial in trials.items() if trial.configuration in costs}

    def _count_classes(self, trial: PlannedTrial) -> int:
        data = self.sources.prepare(trial.config.data)
        assert data is not None  # a sweep that runs has loaded it
        return data.classes
