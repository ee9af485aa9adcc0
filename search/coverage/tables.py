"""The work of `python -m search.coverage` once its arguments are parsed. Importing this module imports torch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

import numpy as np
from rich.table import Table

from search.coverage.methods import make_methods
from search.coverage.stored import read_worlds
from search.coverage.studies import MakeWorld, allow_errors, count_errors, measure_cost, measure_optimism
from search.coverage.worlds import NOISES, ORDINARY, WORST, World, add_noise
from search.exceptions import NoSweep, SpaceError, Unreachable
from search.store.remote import check_reachable
from trainers.certificate.verdicts import ERROR, MOST_SEEDS, Family
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import track_progress
from trainers.terminal.tables import print_table

COST_STUDIES = 10  # of as many studies as there are for errors, one in so many is for costs
MOST_COMPARED = 30  # configurations of a world whose costs are measured: the rule of two standard errors is slow

Named = tuple[str, str, int, MakeWorld]  # world, noise, configurations, and what draws it


def simulate_verdicts(options: argparse.Namespace) -> int:
    """Simulate and print the tables. Return the exit code."""
    try:
        for run in options.run:
            check_reachable(run)
        stored = [world for run in options.run for world in read_worlds(run)]
    except (SpaceError, NoSweep, Unreachable, OSError) as error:
        for problem in getattr(error, "problems", [str(error)]):
            error_console().print(f"error: {problem}", soft_wrap=True)
        return 2
    console = Console()
    known = [_keep(world) for world in stored or (make_methods(),)]
    worst = known if stored else [*_list_worst(options.configurations, options.tolerance), *known]
    ordinary = known if stored else [*_list_ordinary(options.configurations), *known]
    failed = _print_errors(console, worst, options.studies, options.tolerance)
    _print_costs(console, ordinary, max(1, options.studies // COST_STUDIES), options.tolerance)
    return int(failed > 0)


def _keep(world: World) -> Named:
    return world.name, "its own", len(world.means), lambda rng, studies: world


def _list_worst(counts: list[int], tolerance: float) -> Iterator[Named]:
    for count in counts:
        for name, make in WORST.items():
            for noise in NOISES:
                yield name, noise, count, partial(add_noise, name, make(count, tolerance), noise)


def _list_ordinary(counts: list[int]) -> Iterator[Named]:
    for count in counts:
        if count <= MOST_COMPARED:
            for name, make in ORDINARY.items():
                yield name, "equal", count, partial(add_noise, name, make(count), "equal")


def _print_errors(console: Console, worlds: list[Named], studies: int, tolerance: float) -> int:
    """Print how many studies state anything false. Return how many worlds have more than allowed."""
    allowed, failed = allow_errors(studies, ERROR), 0
    title = f"Studies with any false verdict, of {studies:,}; at most {allowed} agree with {ERROR:.0%}"
    table = _table(title, "world", "noise", "configurations", "false", "share")
    for name, noise, count, make in track_progress(worlds, "simulating worlds", len(worlds)):
        errors = count_errors(make, _family(count, tolerance), studies)
        failed += errors > allowed
        table.add_row(name, noise, str(count), str(errors), f"{errors / studies:.1%}")
    print_table(console, table)
    return failed


def _print_costs(console: Console, worlds: list[Named], studies: int, tolerance: float) -> None:
    """Print the seeds that verdicts take, and how much the values of a front flatter once it is certified."""
    if not worlds:
        return
    title = (
        f"Seeds for each configuration, {studies:,} studies, tolerance {tolerance:g}, at most {MOST_SEEDS}; optimism of"
        " the front's members in points, clean and robust"
    )
    seeds, verdicts = ("certified", "all alike", "two s.e.", "… wrong"), ("on", "off", "within", "open")
    table = _table(title, "world", "configurations", *seeds, *verdicts, "optimism", "corrected")
    for name, _, count, make in track_progress(worlds, "simulating costs", len(worlds)):
        family = _family(count, tolerance)
        cost = measure_cost(make, family, studies)
        known = [*(f"{value:.1f}" for value in cost[:3]), *(f"{value:.0%}" for value in cost[3:])]
        numbers = ["–" if np.isnan(value) else text for value, text in zip(cost, known, strict=True)]
        optimism = (_format_pair(values) for values in measure_optimism(make, family, studies))
        table.add_row(name, str(count), *numbers, *optimism)
    console.print()
    print_table(console, table)


def _family(count: int, tolerance: float) -> Family:
    return Family(count, (tolerance, tolerance))


def _format_pair(values: np.ndarray) -> str:
    return "–" if np.isnan(values).any() else " ".join(f"{value:+z.2f}" for value in values).replace("-", "−")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in ("world", "noise") else "right")
    return table
