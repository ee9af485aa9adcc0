"""The work of `python -m search.simulate` once its arguments are parsed. Importing this module imports torch."""

from __future__ import annotations

import argparse
import math
import time

from rich.table import Table

from search.exceptions import SpaceError
from search.execution.simulated_backend import SimulationResult, compute_unshared_makespan, simulate_schedule
from search.planning.datasets import DatasetCache
from search.planning.jobs import choose_slice_seconds
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.blocks import Search
from search.schema.space import load_space
from trainers.formatting import format_count, format_duration
from trainers.terminal.console import Console, error_console


def simulate_sweep(options: argparse.Namespace) -> int:
    """Simulate a sweep and print the totals. Return the exit code."""
    began = time.monotonic()
    try:
        loaded = load_space(options.space, options.set)
        sources = DatasetCache(download=False)
        planner = Planner(loaded, sources.fingerprint)
        plan = planner.plan(planner.sample_requests() if loaded.space.search.adapts else None)
    except SpaceError as error:
        for problem in error.problems:
            error_console().print(f"error: {problem}")
        return 2
    planned = time.monotonic() - began
    found = simulate_schedule(plan, options.workers)
    console = Console()
    console.print(_build_table(plan, found, loaded.space.search, options))
    console.print(f"planned in {planned:.1f} s, simulated in {time.monotonic() - began - planned:.1f} s")
    return 0


def _describe_assumptions(options: argparse.Namespace) -> str:
    """Return what the totals below rest on, each with the option that changes it."""
    return (
        f"an epoch takes {options.epoch_seconds:g} s (--epoch-seconds), "
        f"a state {options.state_mb:g} MB (--state-mb), the data {options.data_mb:g} MB (--data-mb), "
        f"on {format_count(options.nodes, 'node')} (--nodes)"
    )


def _build_table(plan: Plan, found: SimulationResult, search: Search, options: argparse.Namespace) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    workers, seconds = options.workers, options.epoch_seconds
    table.add_row("assumed", _describe_assumptions(options))
    asked, wall = plan.tree.asked, found.makespan * seconds
    table.add_row("trainings", f"{len(plan.trials)}, {asked} epochs asked, {found.trained} trained")
    unshared = compute_unshared_makespan(plan, workers)
    instead = f"; without sharing {unshared}" if found.makespan < unshared else ""
    table.add_row("from start to end", f"{found.makespan} epochs, {format_duration(wall)}{instead}")
    busy = found.trained / (found.makespan * workers)
    table.add_row("workers", f"{workers}, busy {busy:.1%} of the time")
    reports = found.trained / math.ceil(choose_slice_seconds(workers) / seconds) + found.states + found.tasks
    table.add_row("driver receives", f"{reports:.0f} reports, {reports / wall:.2f} a second")
    table.add_row("driver starts", f"{found.tasks} tasks, {found.tasks / wall:.3f} a second")
    sent = options.data_mb * options.nodes / 1024
    table.add_row("object store", f"{options.data_mb:g} MB of data on each node, {sent:.1f} GB sent in all, once")
    every = max(1, math.ceil(search.checkpoint_seconds / seconds))
    tree, trials = plan.tree, range(len(plan.trials))
    lasts = {tree.get_state(i, plan.trials[i].config.epochs) for i in trials}  # equal trials have one
    forks = {tree.get_state(i, epoch) for i in trials for epoch in tree.forks(i)} - lasts
    writes = found.trained // every + len(forks) + len(lasts)
    each = "epoch" if every == 1 else f"{every} epochs"
    table.add_row("states written", f"{writes}: one each {each}, {len(forks)} forks, and {len(lasts)} final ones")
    stay = {"all": writes, "forks": len(forks) + len(lasts), "best": len(lasts), "none": 0}[search.keep]
    written, read, kept = (n * options.state_mb / 1024 for n in (writes, found.reads, stay))
    traffic = f"{written:.0f} GB written and {read:.0f} GB read, {(written + read) * 1024 / wall:.1f} MB a second"
    table.add_row("storage", f"{traffic}; {kept:.0f} GB kept, {stay} states (keep: {search.keep})")
    return table
