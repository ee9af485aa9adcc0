"""The plan of a sweep, printed before it runs: trainings, epochs, what sharing saves, time and storage."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping

import torch
from rich.table import Table

from search.execution.budget_tracker import count_affordable
from search.execution.reuse import RemainingWork
from search.execution.simulated_backend import compute_unshared_makespan, simulate_schedule
from search.monitor.cost_model import TimeLeft
from search.planning.datasets import DatasetCache
from search.planning.parting import find_parting_axes
from search.planning.plan import Plan
from search.run.attack_costs import list_attack_costs
from search.run.estimate import (
    DataSizes,
    count_examples,
    count_local_slots,
    estimate_remaining_time,
    estimate_storage,
)
from search.sampling.certification import build_family
from search.schema.axes import Axis
from search.schema.blocks import Search, Space
from search.schema.replicates import AdaptiveReplicates, CertifiedReplicates
from trainers.certificate.looks import list_looks
from trainers.certificate.planning import count_for_tie
from trainers.data import Data
from trainers.formatting import format_bytes, format_count, format_duration, format_list
from trainers.record_io import Place
from trainers.terminal.console import Console
from trainers.wording import describe_config, describe_difference, find_common

Row = tuple[str, str]  # a label and a text
SHORT = 120.0  # seconds of training, beside which the start of Ray and the report count
FIRST = {"profile": ("profiling", "for {}"), "pretrain": ("pretraining", "for trials to start from")}


def print_plan(
    console: Console, plan: Plan, space: Space, results: Place, sources: DatasetCache, left: RemainingWork
) -> None:
    """Print what a sweep would train, and its time and storage. `left` is the part that is not stored yet."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in (
        *_list_trainings(plan, space),
        *_describe_configs(plan),
        *_list_limits(plan, space),
        *_list_costs(plan, space, results, sources, left),
    ):
        table.add_row(*row)
    for name, attack in plan.describe_attacks().items():
        table.add_row(f"evaluate: {name}", attack + _format_frequency(plan, name))
    for row in list_attack_costs(plan, list_splits(plan, sources)):
        table.add_row(*row)
    for name, words in plan.describe_diagnostics().items():
        table.add_row(f"diagnose: {name}", words)
    table.add_row("resources", f"{space.resources} for each trial")
    console.print(table)
    for problem in _list_missing(space, sources, all(left.ended)):
        console.print_paragraph(f"note: {problem}")


def _format_frequency(plan: Plan, name: str) -> str:
    """Return how often an attack is run along training, as expensive ones dominate the cost of evaluation."""
    along = plan.evaluation.along.get(name)
    if along is None:
        return ""
    every = along.every or plan.evaluation.every
    return f"; every {every} epochs, and after the last" if every > 1 else "; every epoch"


def _list_missing(space: Space, sources: DatasetCache, ended: bool) -> Iterator[str]:
    """List what a run needs and this machine lacks. Another machine may have it, so that it is no error."""
    if not ended and not os.environ.get("RAY_ADDRESS") and not count_local_slots(space.resources):
        here = f"{format_count(os.cpu_count() or 1, 'CPU')}, {format_count(torch.cuda.device_count(), 'GPU')}"
        yield f"on this machine a run would be refused: a trial asks for {space.resources}, and it has {here}"
    for absent in sources.absent.values():
        yield f"{absent}: a run downloads what is missing first, and is refused where it cannot"


def _list_trainings(plan: Plan, space: Space) -> Iterator[Row]:
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    configurations = len({trial.configuration for trial in trials})
    search = space.search
    seeds = format_count(len(search.seeds), "seed")
    yield "trials", f"{len(trials):,}: {format_count(configurations, 'configuration')} x {seeds}"
    if search.adapts:
        figures = "all figures here are for as many trials drawn at random, whatever is stored"
        yield "sampler", f"{search.strategy}, {search.generation} at a time; {figures}"
    for kind, (label, purpose) in FIRST.items():
        made = [trial.produces for trial in plan.trials if trial.kind == kind]
        if made:
            rankings = format_count(len(set(made)), "ranking")
            yield label, f"{format_count(len(made), 'training')} first, {purpose.format(rankings)}"
    profiled = any(trial.kind == "profile" for trial in plan.trials)
    for file in sorted({ranking.provenance["file"] for ranking in plan.rankings.values() if not profiled}):
        yield "ranked by", file
    for path, axis in space.search.axes.items():
        yield f"axis {path}", _format_axis(axis)


def _format_axis(axis: Axis) -> str:
    """Format the values of an axis, and where it acts: elsewhere the knob is as `trial:` and the methods have it."""
    labels = [choice.label for choice in axis.choices]
    values = f"{axis.kind}, {' to '.join(labels)}" if axis.is_range else ", ".join(labels)
    conditions = [f"{other} is {' or '.join(of)}" for other, of in axis.when.items()]
    return values + f"; where {' and '.join(conditions)}" * bool(conditions)


def _describe_configs(plan: Plan) -> Iterator[Row]:
    """Describe the pieces of the trials, and how the other trainings differ, so that a wrong piece is noticed."""
    first_seeds = {trial.configuration: trial for trial in plan.trials}.values()
    configs = {
        kind: [trial.config.model_dump(mode="json") for trial in first_seeds if trial.kind == kind]
        for kind in ("trial", *FIRST)
    }
    trials = find_common(configs["trial"])
    yield from ((f"trial: {name}", text) for name, text in describe_config(trials).items())
    for kind in FIRST:
        if configs[kind]:
            yield kind, describe_difference(find_common(configs[kind]), trials)


def _list_limits(plan: Plan, space: Space) -> Iterator[Row]:
    """List the objectives of a search, and what may end it or its trainings early."""
    search = space.search
    if search.draws or search.adds_seeds or search.stopping.stops:
        objectives = [f"{name} ({direction})" for name, direction in search.objectives.items()]
        yield "objectives", ", ".join([*objectives, *map(str, search.constraints)])
    if search.stopping.stops:
        yield "stopping", f"{search.stopping.name}: trainings may end sooner than counted here"
    if isinstance(search.replicates, AdaptiveReplicates):
        most = f"up to {search.replicates.max} for a configuration in doubt"
        yield "seeds", f"{most}; all figures here are for {len(search.seeds)}"
    if isinstance(search.replicates, CertifiedReplicates):
        yield "seeds", _describe_certified(plan, search, search.replicates)
    if budget := str(search.budget):
        count = count_affordable(search.budget, plan.tree.new_epochs.tolist())
        covers = f": suffices for {count:,} of the {format_count(len(plan.trials), 'training')} counted here"
        yield "budget", budget + covers * (count < len(plan.trials))


def _describe_certified(plan: Plan, search: Search, replicates: CertifiedReplicates) -> str:
    """Say who gets further seeds, and by which formula a tie takes how many."""
    listed = len({trial.configuration for trial in plan.trials if trial.kind == "trial"})
    family = build_family(search, search.trials or listed)
    looks = ", ".join(map(str, list_looks(replicates.max)))
    within = " and ".join(f"{points:g}" for points in dict.fromkeys(family.tolerance))
    factor = count_for_tie(family)
    at_one = math.ceil(factor / max(family.tolerance) ** 2)
    return (
        f"{len(search.seeds)} each, then up to {replicates.max} while a verdict is open, within {within} points, error "
        f"{replicates.error:.0%}; looks at {looks}. A tie takes about {factor:.0f} (s / tolerance)² seeds, s: standard "
        f"deviation of a seed: {at_one} for s = 1 point. All figures here are for {len(search.seeds)}"
    )


def _list_costs(plan: Plan, space: Space, results: Place, sources: DatasetCache, left: RemainingWork) -> Iterator[Row]:
    asked, distinct = plan.tree.asked, plan.tree.distinct
    saved = f" asked, {distinct:,} to train: {asked - distinct:,} ({1 - distinct / asked:.1%}) saved by sharing"
    yield "epochs", f"{asked:,}{saved if distinct < asked else ''}"
    yield from _list_parting_axes(plan, space)
    splits = list_splits(plan, sources)
    examples = count_examples(plan, splits)
    if examples and examples.used < examples.whole:
        epochs = format_count(round(distinct * examples.used / examples.whole), "epoch")
        yield "examples", f"{examples.used:,} to train on, as many as in {epochs} without subsets"
    if any(left.ended) or sum(left.epochs) < distinct:
        stored = f"the results of {sum(left.ended):,} of {format_count(len(plan.trials), 'training')}"
        further = f"; {left.unmeasured:,} of them are measured further" if left.unmeasured else ""
        yield "already stored", f"{stored}{further}; {sum(left.epochs):,} epochs are left to train"
    slots, makespan = simulate_here(plan, space)
    if slots:
        unshared = compute_unshared_makespan(plan, slots)
        instead = f" instead of {unshared:,}" if makespan < unshared else ""
        yield "on this machine", f"{_format_processes(slots)} at once: {makespan:,} epochs from start to end{instead}"
    elif not os.environ.get("RAY_ADDRESS"):
        yield "on this machine", "none: a trial asks for more than it has; lower `resources:` or join a cluster"
    yield "time", describe_time(plan, results, splits, left, slots, makespan)
    storage = estimate_storage(plan, _measure_data(splits), space.search.keep, max(slots, 1))
    if storage is None:
        yield "storage", "no estimate: the data is not here yet"
    else:
        about = "at least" if space.search.keep == "all" else "about"
        in_the_end = f"{about} {format_bytes(storage.in_the_end)} in the end (keep: {space.search.keep})"
        yield "storage", f"{in_the_end}, at most {format_bytes(storage.at_once)} at once"


def _list_parting_axes(plan: Plan, space: Space) -> Iterator[Row]:
    """Say why a plan shares no more: which axes part trainings in their first epoch, and what would let them later."""
    parting = find_parting_axes(plan, space.search.axes)
    if parting:
        cut = any(path.partition(".")[0] == "subset" for path in parting)
        later = "; subsets with a `start` do not part them before it" * cut
        yield "not shared", f"trainings part in their first epoch if they differ in {format_list(parting)}{later}"


def list_splits(plan: Plan, sources: DatasetCache) -> dict[str, Data]:
    """Return the splits of the data that is loaded, by the identity of its data block."""
    found = {trial.data: sources.prepare(trial.config.data) for trial in plan.trials}
    return {name: data for name, data in found.items() if data is not None}


def simulate_here(plan: Plan, space: Space) -> tuple[int, int]:
    """Return how many trials run at once on this machine, and the epochs from start to end; 0 and 0 on a cluster."""
    slots = 0 if os.environ.get("RAY_ADDRESS") else count_local_slots(space.resources)
    return slots, simulate_schedule(plan, slots).makespan if slots else 0


def describe_time(
    plan: Plan, results: Place, splits: Mapping[str, Data], left: RemainingWork, slots: int, makespan: int
) -> str:
    """Return the time that the rest of a plan takes in words, the share of the final attacks, and what it goes by.

    It is by comparable trainings under `results`, or by a probe of a few steps if this machine can train.
    """
    can_train = bool(slots or os.environ.get("RAY_ADDRESS"))
    time = estimate_remaining_time(plan, results, left, splits if can_train else {})
    if all(left.ended) and left.unmeasured:
        return f"no estimate: nothing to train, {format_count(left.unmeasured, 'training')} to measure further"
    if all(left.ended):
        return "none: all is stored"
    if not time.seconds:
        why = "the data is not here yet" if not splits else "this machine cannot train it"
        return f"no estimate: no comparable training is recorded in this results folder yet, and {why}"
    without = f", {time.uncounted}" if time.uncounted else ""
    # the last training runs on one process, however many there are
    wall = time.seconds * max(makespan / plan.tree.distinct, 1 / left.ended.count(False))
    parallel = f", about {format_duration(max(wall, 1.0))} on {_format_processes(slots)}" if slots > 1 else ""
    attacks = f", {time.final / time.seconds:.0%} of it for the final attacks" if time.final else ""
    basis = _describe_basis(time, results, left)
    rest = "; starting and the report take about half a minute more" if wall < SHORT else ""
    return f"{format_duration(max(time.seconds, 1.0))} on one process{parallel}{attacks}, {basis}{without}{rest}"


def _describe_basis(time: TimeLeft, results: Place, left: RemainingWork) -> str:
    """Say what the time goes by: measured trainings, those of the same network for each pass, or a probe."""
    probe = "estimated from a few training steps on this machine, final attacks at most"
    if time.probed and time.probed == sum(epochs > 0 for epochs in left.epochs):
        return probe
    parts = [format_count(time.probed, "training")] if time.probed else []
    parts += [f"the evaluation of {format_count(time.probed_evaluations, 'training')}"] * bool(time.probed_evaluations)
    probed = [f"{' and '.join(parts)} {probe}"] if parts else []
    parts = [f"as measured in {results}"]
    parts += [f"{format_count(time.by_passes, 'training')} by the passes of others"] if time.by_passes else []
    return ", ".join([*parts, *probed])


def _format_processes(count: int) -> str:
    return f"{count} process{'es' * (count > 1)}"


def _measure_data(splits: Mapping[str, Data]) -> DataSizes:
    shapes = {name: data.train.x.shape for name, data in splits.items()}
    return {name: (*shape[:3], splits[name].classes) for name, shape in shapes.items()}
