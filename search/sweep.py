"""One run of a sweep: what is left to do, doing it, and saying how it went."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from search.estimate import storage_estimate, time_estimate
from search.execute import Interrupt, cluster, run, slots
from search.plan import Plan, Planned
from search.progress import Watch, duration
from search.rankings import make_ranking
from search.searchers import Queue
from search.session import Job
from search.sources import Sources, source_key
from search.space import Space
from search.starting import lost
from search.store import Store


class Sweep:
    """Runs the trainings of a plan that have no result yet."""

    def __init__(self, store: Store, plan: Plan, space: Space, sources: Sources, console: Console) -> None:
        self.store, self.plan, self.space, self.sources, self.console = store, plan, space, sources, console
        self._kept = tuple(trial.final for trial in plan.trials if trial.kind == "pretrain")
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
        runnable = [trial for trial in waiting if not trial.needs & blocked.keys()]
        if not runnable:
            return self._verdict(None, blocked, command)
        interrupt = Interrupt()
        queue = Queue(runnable, self._job, self._make, ready)
        with cluster(address, interrupt):
            self.slots = slots(self.space.resources)
            done = {trial.id for trial in self.plan.trials} - {trial.id for trial in waiting}
            with Watch(self.console, self.plan.trials, done, self.slots) as watch:
                trouble = run(
                    queue, len(runnable), self.sources.loaded, self.space.resources, self.space.search.retries,
                    watch, interrupt, self.slots, self.store.folder / ".tune",
                )  # fmt: skip
        if watch.disk_full:
            trouble = f"the disk is full ({self.store.folder}); free some room, then carry on with the same command"
        self.interrupted = bool(interrupt.code)
        return self._verdict(trouble, blocked | queue.blocked, command) and (interrupt.code or 1)

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

    def _job(self, trial: Planned) -> Job:
        return Job(
            folder=str(self.store.folder),
            trial=trial.id,
            config=trial.config.model_dump(mode="json"),
            evaluation=self.plan.evaluation.model_dump(mode="json"),
            data=trial.data,
            source=source_key(trial.config.data),
            ranks=trial.ranks if trial.kind == "trial" else None,
            start=trial.start.model_dump() if trial.start else None,
            kept=self._kept,
            final=trial.final,
            threads=self.space.resources.cpus,
            checkpoint_seconds=self.space.search.checkpoint_seconds,
        )

    def _verdict(self, trouble: str | None, blocked: dict[str, str], command: str) -> int:
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


def print_plan(console: Console, plan: Plan, space: Space, results: Path, sources: Sources) -> None:
    """What a sweep would do: trainings, epochs, time and storage."""
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    configurations = len({trial.configuration for trial in trials})
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("trials", f"{len(trials)}: {configurations} configurations x {len(space.search.replicates)} seeds")
    for kind, what in (("profile", "for {} rankings"), ("pretrain", "for trials to start from")):
        makes = [trial.makes for trial in plan.trials if trial.kind == kind]
        if makes:
            table.add_row("trained first", f"{len(makes)}, {what.format(len(set(makes)))}")
    profiled = any(trial.kind == "profile" for trial in plan.trials)
    for file in sorted({ranking.provenance["file"] for ranking in plan.rankings.values() if not profiled}):
        table.add_row("ranked by", file)
    for path, axis in space.search.axes.items():
        values = ", ".join(c.label for c in axis.choices()) if axis.kind in ("grid", "choice") else axis.kind
        table.add_row(path, values)
    asked = plan.asked_epochs()
    table.add_row("epochs", f"{asked}" + (f", {plan.distinct_epochs} distinct" if plan.distinct_epochs < asked else ""))
    seconds, unknown = time_estimate(plan, results)
    table.add_row("time", _time(seconds, unknown, len(plan.trials)))
    sizes = {}
    for trial in plan.trials:
        if trial.data not in sizes and (data := sources.prepared(trial.config.data)):
            x = data.train.x
            sizes[trial.data] = (len(x), x.shape[1], x.shape[2], data.classes)
    stored = storage_estimate(plan.trials, sizes)
    table.add_row("storage", f"about {stored / 2**20:.0f} MB" if stored else "no estimate: the data is not here yet")
    for name, attack in plan.evaluation.attacks().items():
        table.add_row(f"measured: {name}", attack)
    table.add_row("each trial asks", f"{space.resources.cpus} CPU, {space.resources.gpus:g} GPU")
    console.print(table)


def _time(seconds: float, unknown: int, total: int) -> str:
    if unknown == total:
        return "no estimate: no such training was recorded in this results folder yet"
    rest = f", without {unknown} trainings that have no measured kin" if unknown else ""
    return f"{duration(seconds)} of training on one process, measured here{rest}"
