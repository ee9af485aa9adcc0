"""What a sweep would do, printed before it does it: trainings, epochs, what sharing saves, time and storage."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from search.estimate import Sizes, slots_here, storage_estimate, time_estimate, unshared_makespan
from search.makespan import simulate
from search.plan import Plan
from search.replicates import Adaptive
from search.sources import Sources
from search.space import Space
from search.words import duration, number, size
from trainers.records import Place


def print_plan(console: Console, plan: Plan, space: Space, results: Place, sources: Sources) -> None:
    """What a sweep would do: trainings, epochs, time and storage."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in (*_trainings(plan, space), *_costs(plan, space, results, sources)):
        table.add_row(*row)
    for name, attack in plan.evaluation.attacks().items():
        table.add_row(f"measured: {name}", attack)
    table.add_row("each trial asks", str(space.resources))
    console.print(table)


def _trainings(plan: Plan, space: Space) -> Iterator[tuple[str, str]]:
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    configurations = len({trial.configuration for trial in trials})
    search = space.search
    seeds = f"{len(search.seeds)}" + (f" to {search.replicates.max}" if isinstance(search.replicates, Adaptive) else "")
    yield "trials", f"{len(trials)}: {configurations} configurations x {seeds} seeds"
    if search.adapts:
        yield (
            "asked by",
            f"{search.strategy}, {search.generation} at once; all figures here are of as many drawn at random",
        )
    for kind, what in (("profile", "for {}"), ("pretrain", "for trials to start from")):
        makes = [trial.makes for trial in plan.trials if trial.kind == kind]
        if makes:
            yield "trained first", f"{len(makes)}, {what.format(number(len(set(makes)), 'ranking'))}"
    profiled = any(trial.kind == "profile" for trial in plan.trials)
    for file in sorted({ranking.provenance["file"] for ranking in plan.rankings.values() if not profiled}):
        yield "ranked by", file
    for path, axis in space.search.axes.items():
        yield path, ", ".join(c.label for c in axis.choices()) if axis.kind in ("grid", "choice") else axis.kind


def _costs(plan: Plan, space: Space, results: Place, sources: Sources) -> Iterator[tuple[str, str]]:
    asked, distinct = plan.tree.asked, plan.tree.distinct
    saved = f" asked, {distinct:,} to train: {asked - distinct:,} ({1 - distinct / asked:.1%}) saved by sharing"
    yield "epochs", f"{asked:,}{saved if distinct < asked else ''}"
    here = 0 if os.environ.get("RAY_ADDRESS") else slots_here(space.resources)
    length = simulate(plan, here).makespan if here else 0
    if here:
        instead = unshared_makespan(plan, here)
        shorter = f" instead of {instead:,}" if length < instead else ""
        yield "on this machine", f"{_processes(here)} at once: {length:,} epochs long{shorter}"
    left = time_estimate(plan, results)
    if not left.seconds:
        yield "time", "no estimate: no such training was recorded in this results folder yet"
    else:
        rest = f", without {number(left.unknown, 'training')} of no measured kin" if left.unknown else ""
        wall = f", about {duration(left.seconds * length / distinct)} on {_processes(here)}" if here > 1 else ""
        yield "time", f"{duration(left.seconds)} on one process{wall}, as measured in {results}{rest}"
    stored = storage_estimate(plan, _sizes(plan, sources), space.search.keep, max(here, 1))
    keep = f"(keep: {space.search.keep})"
    if stored is None:
        yield "storage", "no estimate: the data is not here yet"
    else:
        about = "at least" if space.search.keep == "all" else "about"
        yield "storage", f"{about} {size(stored.in_the_end)} in the end {keep}, at most {size(stored.at_once)} at once"


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count > 1)}"


def _sizes(plan: Plan, sources: Sources) -> Sizes:
    sizes: Sizes = {}
    for trial in plan.trials:
        if trial.data not in sizes and (data := sources.prepared(trial.config.data)):
            x = data.train.x
            sizes[trial.data] = (len(x), x.shape[1], x.shape[2], data.classes)
    return sizes
