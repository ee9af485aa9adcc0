"""What a sweep would do, printed before it does it: trainings, epochs, what sharing saves, time and storage."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from search.estimate import storage_estimate, time_estimate
from search.plan import Plan
from search.progress import duration
from search.replicates import Adaptive
from search.sources import Sources
from search.space import Space
from trainers.records import Place


def print_plan(console: Console, plan: Plan, space: Space, results: Place, sources: Sources) -> None:
    """What a sweep would do: trainings, epochs, time and storage."""
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    configurations = len({trial.configuration for trial in trials})
    table = Table(box=None, show_header=False, pad_edge=False)
    search = space.search
    seeds = f"{len(search.seeds)}" + (f" to {search.replicates.max}" if isinstance(search.replicates, Adaptive) else "")
    table.add_row("trials", f"{len(trials)}: {configurations} configurations x {seeds} seeds")
    if search.adapts:
        how = f"{search.strategy}, {search.generation} at once; all figures here are of as many drawn at random"
        table.add_row("asked by", how)
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
    asked, distinct = plan.tree.asked, plan.tree.distinct
    saved = f" asked, {distinct} to train: {1 - distinct / asked:.1%} saved by sharing" if distinct < asked else ""
    table.add_row("epochs", f"{asked}{saved}")
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
    table.add_row("each trial asks", str(space.resources))
    console.print(table)


def _time(seconds: float, unknown: int, total: int) -> str:
    if unknown == total:
        return "no estimate: no such training was recorded in this results folder yet"
    rest = f", without {unknown} trainings that have no measured kin" if unknown else ""
    return f"{duration(seconds)} of training on one process, measured here{rest}"
