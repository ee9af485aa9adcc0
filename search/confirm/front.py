"""The work of `python -m search.confirm` once its arguments are parsed. Importing this module imports Ray."""

from __future__ import annotations

import argparse
import math
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table
from rich.text import Text

from analysis.results.axes import read_axes
from search.cli import HANDLED_ERRORS, report_error
from search.cluster.gpu_packing import resolve_gpus
from search.exceptions import SpaceError
from search.execution.backend import Backend
from search.execution.compatibility import find_accepted_code, is_of_this_code
from search.execution.stored_space import SPACE_FILE
from search.pareto import as_recorded, to_maximise
from search.planning.datasets import DatasetCache
from search.planning.planner import Planner, TrialRequest
from search.run.driver import start_sweep
from search.sampling.certification import assess_stored_fronts
from search.sampling.outcomes import Outcome, outcome
from search.schema.axes import Choice
from search.schema.blocks import Search
from search.schema.budget import Budget
from search.schema.space import LoadedSpace, load_space
from search.stopping.base import NoStopping
from search.store import location
from search.store.plan_file import find_plan, load_plan
from search.store.remote import check_reachable, explain_error
from search.store.store import Store
from trainers.certificate.words import describe_verdict
from trainers.fewest_seeds import count_fewest_seeds
from trainers.formatting import format_count
from trainers.knobs import is_none
from trainers.objectives import non_dominated
from trainers.problems import identify_problem
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, read_yaml
from trainers.records import find_constant_class
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import track_progress
from trainers.terminal.tables import print_table

INSTEAD = "If the front or its seeds have changed since, move that folder aside: the same command then starts anew."

AGREEMENT = (
    "Corrected: for being chosen among the configurations. Fresh seeds agree with it if their mean ± 2 standard errors "
    "meets it; a few of them scatter more than the corrected value of many."
)

ALONE = "Alone: the only one that was trained anew for its problem, so that nothing could dominate it."
NO_VERDICT = "Verdict –: none, as that takes 3 seeds that did not collapse and that differ in each accuracy."
NO_CORRECTION = "Corrected –: unknown, as that takes four configurations of a problem, and seeds that differ."

Front = dict[str, tuple[Outcome, list[Row]]]  # configuration -> the outcome that selected it, its rows of the plan


def confirm_front(options: argparse.Namespace, began: float, backend: Backend | None = None) -> int:
    """Train a run's front with fresh seeds. Return the exit code.

    `began` is time.monotonic at the start of the command. `backend` trains instead of Ray at the address that the
    environment names.
    """
    console, errors = Console(), error_console()
    if isinstance(options.run, Path) and options.run.name in ("", ".."):  # its folder has a name
        options.run = options.run.resolve()
    folder = options.run.parent / f"{options.run.name}.confirmed"
    try:
        check_reachable(options.run)
        if why := location.find_folder_problem(folder):
            raise SpaceError([f"{folder}: {why}; the confirmation is stored there, so give that another name"])
        plan = load_plan(options.run)
        loaded = load_stored_space(options.run, [])
        store = Store(options.run)
        _check_held_out(options.run, plan)
        _check_code(options.run, plan, options.accept_code_change)
        search = loaded.space.search  # the confirmation has one of its own
        front = select_front(store, plan, search)
        if not front:
            raise SpaceError([f"{options.run}: no configuration has all its seeds and keeps the constraints"])
        missing = _describe_missing(store, plan)
        if missing:
            errors.print(f"note: {options.run}: {missing}; this is the front of the others so far")
        if why := _find_too_few(options.seeds, len(front)):
            errors.print(f"note: --seeds {options.seeds}: {why}", soft_wrap=True)
        console.print_paragraph(_describe_front(plan, front, options.seeds))
        code = _train_front(loaded, plan, front, options, folder, console, began, backend)
        _print_comparison(console, search, options.run, front, Store(folder), missing)
        return code
    except HANDLED_ERRORS as error:
        return report_error(error, folder, INSTEAD, errors)


def _check_code(run: Place, plan: Row, accept: bool) -> None:
    """Raise SpaceError if other code trained the run, unless the user accepts that, or has accepted it for the run."""
    if accept or is_of_this_code(plan):
        return
    raise SpaceError(
        [
            f"{run}: the code in trainers/ has changed since it was trained, so that new seeds may differ from its own "
            "by more than chance; --accept-code-change compares them all the same"
        ]
    )


def _check_held_out(run: Place, plan: Row) -> None:
    """Raise SpaceError if a trial has no validation examples, as the front is selected on validation."""
    blind = [row["id"] for row in plan["trials"] if is_none(row["config"]["data"].get("val", "100%"))]
    if blind:
        why = f"{format_count(len(blind), 'training')} of it have no validation examples (data.val: 0), as {blind[0]}"
        raise SpaceError([f"{run}: {why}; a front is selected on validation, so there is none to confirm"])


def _describe_missing(store: Store, plan: Row) -> str:
    """Return how many trainings have no result yet, in words; empty if all have one."""
    n = sum(store.read_result(row["id"], row["chain"]) is None for row in plan["trials"])
    if not n:
        return ""
    return f"{n} of its {format_count(len(plan['trials']), 'training')} {'has' if n == 1 else 'have'} no result yet"


def _describe_front(plan: Row, front: Front, seeds: int) -> str:
    """Return what is trained again, in words; a report's front, that of test images, may have other members."""
    everyone = {row["configuration"] for row in plan["trials"] if row["kind"] == "trial"}
    return (
        f"The front of validation, among which one would choose, has {len(front)} of "
        f"{format_count(len(everyone), 'configuration')}; each is trained with {format_count(seeds, 'fresh seed')}. "
        "A report's front is that of test images, and may have other members."
    )


def _find_too_few(seeds: int, configurations: int) -> str:
    """Return why so many seeds cannot tell any two configurations of the front apart; empty if they may, or for one."""
    pairs = math.comb(configurations, 2)
    if not pairs or seeds >= (fewest := count_fewest_seeds(pairs)):
        return ""
    return (
        f"the {configurations} configurations of the front make {format_count(pairs, 'comparison')} at most, and so "
        f"few seeds leave too few degrees of freedom to tell any difference from chance; that takes {fewest} or more"
    )


def load_stored_space(folder: Place, overrides: Sequence[str], options: Sequence[str] = ()) -> LoadedSpace:
    """Load the stored space with overrides, which `options` name in messages. Raises SpaceError.

    The space of a sweep behind a URL is copied first.
    """
    damage = Damage()
    read_yaml(folder / SPACE_FILE, damage)
    if damage:
        again = "the command that ran the sweep writes it again"
        raise SpaceError([f"{line}; {again}" for line in damage.lines()])
    if isinstance(folder, Path):
        return load_space(folder / SPACE_FILE, overrides, options)
    with TemporaryDirectory() as scratch:
        copy = Path(scratch, "space.yaml")
        try:
            copy.write_bytes((folder / SPACE_FILE).read_bytes())
        except OSError as error:
            raise SpaceError([f"{folder / SPACE_FILE}: cannot be read: {explain_error(error)}"]) from None
        return load_space(copy, overrides, options)


def select_front(store: Store, plan: Row, search: Search) -> Front:
    """Return the configurations on the validation front of each problem, in the order of the plan.

    A configuration counts if all its seeds are completed, it keeps the constraints, and no seed ended with a network
    that predicts one class for every image, which makes its robustness meaningless.
    """
    rows: dict[str, list[Row]] = defaultdict(list)
    results: dict[str, Row | None] = {}
    trials = [row for row in plan["trials"] if row["kind"] == "trial"]
    for row in track_progress(trials, "reading results, trainings", len(trials)):
        rows[row["configuration"]].append(row)
        results[row["id"]] = store.read_result(row["id"], row["chain"])
    outcomes = {
        name: outcome(search, name, {row["replicate"]: results[row["id"]] for row in seeds})
        for name, seeds in rows.items()
    }
    candidates = [
        name
        for name, found in outcomes.items()
        if found.status == "completed"
        and max((found.violations or {}).values(), default=0) <= 0
        and not any(find_constant_class(results[row["id"]] or {}, search.checkpoint) is not None for row in rows[name])
    ]
    problems: dict[str, list[str]] = defaultdict(list)
    for name in candidates:
        first_seed = rows[name][0]  # a seed may also draw the data, so that the first one tells the problem
        problems[identify_problem(first_seed["config"])].append(name)
    front = {
        name for names in problems.values() for name in _find_front(search, {other: outcomes[other] for other in names})
    }
    return {name: (outcomes[name], rows[name]) for name in candidates if name in front}


def _find_front(search: Search, outcomes: dict[str, Outcome]) -> list[str]:
    points = [to_maximise(found.values or {}, search.objectives) for found in outcomes.values()]
    return [name for name, stays in zip(outcomes, non_dominated(points), strict=True) if stays]


def _train_front(
    loaded: LoadedSpace, plan: Row, front: Front, options: argparse.Namespace, folder: Place, console: Console,
    began: float, backend: Backend | None,
) -> int:  # fmt: skip
    """Run the sweep of fresh seeds, without the stopping and the budget of the search. Return the exit code."""
    first = max(row["replicate"] for row in plan["trials"] if row["kind"] == "trial") + 1
    seeds = tuple(range(first, first + options.seeds))
    asked = {"stopping": NoStopping(), "budget": Budget(), "replicates": seeds}  # none is added until all is certified
    search = loaded.space.search.model_copy(update=asked)
    resources = resolve_gpus(loaded.space.resources, os.environ.get("RAY_ADDRESS"), console)
    loaded.space = loaded.space.model_copy(update={"search": search, "resources": resources})
    # so that what reads the stored space expects no further seeds
    loaded.document = loaded.document.with_override({"search": {"replicates": list(seeds)}}, "--seeds")
    sources = DatasetCache()
    planner = Planner(loaded, sources.fingerprint, find_accepted_code(folder, options.accept_code_change))
    requests = []
    for _, rows in front.values():
        point = {path: Choice(label=label, value=rows[0]["values"][path]) for path, label in rows[0]["axes"].items()}
        requests.append(TrialRequest(point, seeds))
    return start_sweep(loaded, planner.plan(requests), sources, Store(folder), [options.run], console, began, backend)


def _print_comparison(console: Console, search: Search, run: Place, front: Front, store: Store, missing: str) -> None:
    """Print what the search measured beside what the fresh seeds give. `missing` tells what the front lacks."""
    plan = find_plan(store.folder) or {"trials": []}
    again = select_front(store, plan, search)
    sizes = Counter(identify_problem(rows[0]["config"]) for _, rows in front.values())
    so_far = f" so far ({missing})" if missing else ""
    console.print(f"front of {store.folder.name.removesuffix('.confirmed')}{so_far}, validation, percent (seeds)")
    verdicts, corrected = _assess_run(search, run)
    axes = read_axes(find_plan(run) or plan)  # those that vary in the run, not only among the front
    groups: dict[str, list[tuple[str, ...]]] = {}
    for name, (before, rows) in front.items():
        title = axes.names({path: str(label) for path, label in rows[0]["axes"].items()}, name).name
        results = {
            row["replicate"]: store.read_result(row["id"], row["chain"])
            for row in plan["trials"]
            if row["configuration"] == name
        }
        after = outcome(search, name, results)
        found = groups.setdefault(f"{title}; verdict: {verdicts.get(name, '–')}" if verdicts else title, [])
        for i, metric in enumerate(search.objectives):
            alone = sizes[identify_problem(rows[0]["config"])] == 1
            stays = "alone" if alone and name in again else "yes" if name in again else "no"
            value = corrected.get((name, metric))
            less_chosen = ("–" if value is None else f"{value:.1f}",) * bool(corrected)
            cells = (_format_cell(before, metric), *less_chosen, _format_cell(after, metric))
            found.append((metric, *cells, stays if i == 0 else ""))
    headers = ["metric", "in the search", *["corrected"] * bool(corrected), "fresh seeds", "on the front again"]
    _print_groups(console, headers, groups)
    if 1 in sizes.values():
        console.print(ALONE)
    if corrected:
        console.print(AGREEMENT)
    if verdicts and front.keys() - verdicts.keys():
        console.print(NO_VERDICT)
    if corrected and any((name, metric) not in corrected for name in front for metric in search.objectives):
        console.print(NO_CORRECTION)


def _print_groups(console: Console, headers: Sequence[str], groups: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
    """Print the rows of each configuration below its name and verdict: beside the numbers these would be folded."""
    columns = zip(headers, *(row for rows in groups.values() for row in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for number, (name, rows) in enumerate(groups.items()):
        console.print(Text(name, style="bold"))
        table = Table(box=None, pad_edge=False, header_style="dim", show_header=number == 0)
        for header, width in zip(headers, widths, strict=True):
            table.add_column(header, width=width, no_wrap=True, overflow="fold")
        for row in rows:
            table.add_row(*row)
        print_table(console, table)


def _assess_run(search: Search, run: Place) -> tuple[dict[str, str], dict[tuple[str, str], float]]:
    """Return the verdict on each configuration of the search, and its values corrected for selection, in percent."""
    verdicts: dict[str, str] = {}
    corrected: dict[tuple[str, str], float] = {}
    for _, names, found in assess_stored_fronts(search, load_plan(run), Store(run)):
        for i, name in enumerate(names):
            if text := describe_verdict(found, i):
                verdicts[name] = text
            values = as_recorded(found.corrected[i], search.objectives)
            corrected |= {(name, metric): value for metric, value in values.items() if math.isfinite(value)}
    return verdicts, corrected


def _format_cell(found: Outcome, metric: str) -> str:
    if found.values is None:
        return found.status
    error = f" ± {100 * found.errors[metric]:.1f}" if found.errors else ""
    return f"{100 * found.values[metric]:.1f}{error} ({len(found.seeds)})"
