"""What a sweep would do, printed before it does it: trainings, epochs, what sharing saves, time and storage."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch
from rich.table import Table

from search.execution.budget_tracker import affordable
from search.execution.reuse import Remaining
from search.formatting import format_bytes, format_count
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.schedule import simulate_schedule
from search.run.estimate import Sizes, effort, slots_here, storage_estimate, time_estimate, unshared_makespan
from search.schema.blocks import Space
from search.schema.replicates import AdaptiveReplicates
from search.schema.stopping import RobustStopping
from trainers.formatting import format_duration
from trainers.record_io import Place
from trainers.terminal.console import Console
from trainers.wording import describe_config, describe_difference, find_common

KINDS = ("trial", "profile", "pretrain")


def print_plan(
    console: Console, plan: Plan, space: Space, results: Place, sources: DatasetCache, left: Remaining
) -> None:
    """What a sweep would do: trainings, epochs, time and storage; `left` is what is not stored yet."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in (
        *_trainings(plan, space),
        *_trained(plan),
        *_rules(plan, space),
        *_costs(plan, space, results, sources, left),
    ):
        table.add_row(*row)
    for name, attack in plan.evaluation.attacks().items():
        table.add_row(f"measured: {name}", attack + _often(plan, name))
    table.add_row("each trial asks", str(space.resources))
    console.print(table)
    for lack in _lacking(space, sources, all(left.ended)):
        console.print(f"note: {lack}", soft_wrap=True)


def _often(plan: Plan, name: str) -> str:
    """How often a further attack is run along training; the dearest decide what measuring costs."""
    further = plan.evaluation.along.get(name)
    if further is None:
        return ""
    every = further.every or plan.evaluation.every
    return f"; every {every} epochs, and after the last" if every > 1 else "; every epoch"


def _lacking(space: Space, sources: DatasetCache, ended: bool) -> Iterator[str]:
    """What a run wants that is not here; elsewhere it may be, so that this is no mistake of the space."""
    if not ended and not os.environ.get("RAY_ADDRESS") and not slots_here(space.resources):
        here = f"{format_count(os.cpu_count() or 1, 'CPU')}, {format_count(torch.cuda.device_count(), 'GPU')}"
        yield f"on this machine a run would be refused: a trial asks for {space.resources}, and it has {here}"
    for lack in sources.absent.values():
        yield f"{lack}: a run downloads what is missing first, and is refused where it cannot"


def _trainings(plan: Plan, space: Space) -> Iterator[tuple[str, str]]:
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    configurations = len({trial.configuration for trial in trials})
    search = space.search
    seeds = format_count(len(search.seeds), "seed")
    yield "trials", f"{len(trials):,}: {format_count(configurations, 'configuration')} x {seeds}"
    if search.adapts:
        figures = "all figures here are of as many drawn at random, none of them stored"
        yield "asked by", f"{search.strategy}, {search.generation} at once; {figures}"
    for kind, what in (("profile", "for {}"), ("pretrain", "for trials to start from")):
        makes = [trial.produces for trial in plan.trials if trial.kind == kind]
        if makes:
            yield "trained first", f"{len(makes)}, {what.format(format_count(len(set(makes)), 'ranking'))}"
    profiled = any(trial.kind == "profile" for trial in plan.trials)
    for file in sorted({ranking.provenance["file"] for ranking in plan.rankings.values() if not profiled}):
        yield "ranked by", file
    for path, axis in space.search.axes.items():
        labels = [choice.label for choice in axis.choices]
        listed = axis.kind in ("grid", "choice")
        yield f"axis {path}", ", ".join(labels) if listed else f"{axis.kind}, {' to '.join(labels)}"


def _trained(plan: Plan) -> Iterator[tuple[str, str]]:
    """The pieces of the trials and of the trainings that come first, so that one in another's place is seen."""
    first = {trial.configuration: trial for trial in plan.trials}.values()  # one for all seeds
    of = {kind: [it.config.model_dump(mode="json") for it in first if it.kind == kind] for kind in KINDS}
    trials = find_common(of["trial"])
    yield from ((f"trained: {name}", text) for name, text in describe_config(trials).items())
    for kind in KINDS[1:]:
        if of[kind]:
            yield f"trained: {kind}", describe_difference(find_common(of[kind]), trials)


def _rules(plan: Plan, space: Space) -> Iterator[tuple[str, str]]:
    """By what a search selects, and what may end it or its trainings sooner."""
    search = space.search
    stops = isinstance(search.stopping, RobustStopping)
    if search.draws or search.adds_seeds or stops:
        selects = [f"{name} ({direction})" for name, direction in search.objectives.items()]
        yield "selects by", ", ".join([*selects, *map(str, search.constraints)])
    if stops:
        yield "stopping", "robust: trainings may end sooner than counted here"
    if isinstance(search.replicates, AdaptiveReplicates):
        yield "seeds in doubt", f"up to {search.replicates.max}; all figures here are of {len(search.seeds)}"
    if said := str(search.budget):
        paid = affordable(search.budget, plan.tree.new_epochs.tolist())
        pays = f": pays for {paid:,} of the {format_count(len(plan.trials), 'training')} counted here"
        yield "budget", said + pays * (paid < len(plan.trials))


def _costs(
    plan: Plan, space: Space, results: Place, sources: DatasetCache, left: Remaining
) -> Iterator[tuple[str, str]]:
    asked, distinct = plan.tree.asked, plan.tree.distinct
    saved = f" asked, {distinct:,} to train: {asked - distinct:,} ({1 - distinct / asked:.1%}) saved by sharing"
    yield "epochs", f"{asked:,}{saved if distinct < asked else ''}"
    trained = effort(plan, {trial.data: sources.prepare(trial.config.data) for trial in plan.trials})
    if trained and trained.used < trained.whole:
        alike = round(distinct * trained.used / trained.whole)
        yield "examples", f"{trained.used:,} to train on, as many as in {format_count(alike, 'epoch')} of all"
    if any(left.ended) or sum(left.epochs) < distinct:
        results_of = f"the results of {sum(left.ended):,} of {format_count(len(plan.trials), 'training')}"
        yield "stored before", f"{results_of}; {sum(left.epochs):,} epochs are left to train"
    here = 0 if os.environ.get("RAY_ADDRESS") else slots_here(space.resources)
    length = simulate_schedule(plan, here).makespan if here else 0
    if here:
        instead = unshared_makespan(plan, here)
        shorter = f" instead of {instead:,}" if length < instead else ""
        yield "on this machine", f"{_processes(here)} at once: {length:,} epochs long{shorter}"
    elif not os.environ.get("RAY_ADDRESS"):
        yield "on this machine", "none: a trial asks for more than it has; lower `resources:` or join a cluster"
    time = time_estimate(plan, results, left)
    if all(left.ended):
        yield "time", "none: all is stored"
    elif not time.seconds:
        yield "time", "no estimate: no such training was recorded in this results folder yet"
    else:
        without = f", without {format_count(time.unknown, 'training')} of no measured kin" if time.unknown else ""
        if time.unmeasured:
            without += f", without evaluating {format_count(time.unmeasured, 'training')}: none was measured so before"
        share = max(length / distinct, 1 / left.ended.count(False))  # a training runs on one process
        wall = f", about {format_duration(time.seconds * share)} on {_processes(here)}" if here > 1 else ""
        yield "time", f"{format_duration(time.seconds)} on one process{wall}, as measured in {results}{without}"
    stored = storage_estimate(plan, _sizes(plan, sources), space.search.keep, max(here, 1))
    keep = f"(keep: {space.search.keep})"
    if stored is None:
        yield "storage", "no estimate: the data is not here yet"
    else:
        about = "at least" if space.search.keep == "all" else "about"
        yield (
            "storage",
            f"{about} {format_bytes(stored.in_the_end)} in the end {keep}, "
            f"at most {format_bytes(stored.at_once)} at once",
        )


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count > 1)}"


def _sizes(plan: Plan, sources: DatasetCache) -> Sizes:
    sizes: Sizes = {}
    for trial in plan.trials:
        if trial.data not in sizes and (data := sources.prepare(trial.config.data)):
            x = data.train.x
            sizes[trial.data] = (len(x), x.shape[1], x.shape[2], data.classes)
    return sizes
