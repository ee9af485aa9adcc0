"""What `python -m search.confirm` does once its arguments are read; importing this imports Ray."""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from moocore import is_nondominated
from rich.table import Table

from analysis.axes import read_axes
from search.cli import ENDINGS, report_error
from search.cluster.gpu_packing import resolve_gpus
from search.exceptions import SpaceError
from search.execution.compatibility import STORED, standing_code
from search.formatting import format_count
from search.planning.datasets import DatasetCache
from search.planning.planner import Planner, TrialRequest
from search.run.driver import begin
from search.sampling.outcomes import Outcome, outcome
from search.schema.axes import Choice
from search.schema.blocks import Search
from search.schema.budget import Budget
from search.schema.space import LoadedSpace, load_space
from search.schema.stopping import NoStopping
from search.store import location
from search.store.plan_file import plan_of, stored_plan
from search.store.remote import check_reachable, explain_error
from search.store.store import Store
from trainers.knobs import is_none
from trainers.objectives import SIGNS
from trainers.reading import Damage, read_yaml
from trainers.record_io import Place, Row
from trainers.records import constant, identify_problem
from trainers.terminal.console import Console, error_console

INSTEAD = "If the front or its seeds are others since, move that folder aside: the same command then begins anew."


def confirm(options: argparse.Namespace, began: float) -> int:
    """Train a run's front with fresh seeds, begun at time.monotonic `began`. Returns the exit code."""
    console, errors = Console(), error_console()
    if isinstance(options.run, Path) and options.run.name in ("", ".."):  # that of the folder where one is
        options.run = options.run.resolve()
    folder = options.run.parent / f"{options.run.name}.confirmed"
    try:
        check_reachable(options.run)
        if why := location.unfree(folder):
            raise SpaceError([f"{folder}: {why}; the confirmation lies there, so give that another name"])
        plan = plan_of(options.run)
        loaded = _space(options.run)
        store = Store(options.run)
        _check_held_out(options.run, plan)
        front = chosen(store, plan, loaded.space.search)
        if not front:
            raise SpaceError([f"{options.run}: no configuration of it has all its seeds and keeps the constraints"])
        missing = _missing(store, plan)
        if missing:
            errors.print(f"note: {options.run}: {missing}; this is the front of the others so far")
        code = _trained(loaded, plan, front, options, folder, console, began)
        _print(console, loaded.space.search, options.run, front, Store(folder), missing)
        return code
    except ENDINGS as error:
        return report_error(error, folder, INSTEAD, errors)


def _check_held_out(run: Place, plan: Row) -> None:
    """Raises SpaceError where some trial has no validation examples, by which alone a front is chosen."""
    blind = [row["id"] for row in plan["trials"] if is_none(row["config"]["data"].get("val", "100%"))]
    if blind:
        why = f"{format_count(len(blind), 'training')} of it have no validation examples (data.val: 0), as {blind[0]}"
        raise SpaceError([f"{run}: {why}; a front is chosen on validation, so there is none to confirm"])


def _missing(store: Store, plan: Row) -> str:
    """How many trainings have no result yet, in words; empty where all have."""
    n = sum(store.result(row["id"], row["chain"]) is None for row in plan["trials"])
    return (
        f"{n} of its {format_count(len(plan['trials']), 'training')} {'has' if n == 1 else 'have'} no result yet"
        if n
        else ""
    )


def _space(folder: Place) -> LoadedSpace:
    """The stored space; of a sweep behind a URL by way of a copy. Raises SpaceError."""
    damage = Damage()
    read_yaml(folder / STORED, damage)
    if damage:
        again = "the command that ran the sweep writes it again"
        raise SpaceError([f"{line}; {again}" for line in damage.lines()])
    if isinstance(folder, Path):
        return load_space(folder / STORED, [])
    with TemporaryDirectory() as scratch:
        copy = Path(scratch, "space.yaml")
        try:
            copy.write_bytes((folder / STORED).read_bytes())
        except OSError as error:
            raise SpaceError([f"{folder / STORED}: cannot be read: {explain_error(error)}"]) from None
        return load_space(copy, [])


def chosen(store: Store, plan: Row, search: Search) -> dict[str, tuple[Outcome, list[Row]]]:
    """The configurations on each problem's validation front, with what chose them and their rows of the plan."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in plan["trials"]:
        if row["kind"] == "trial":
            rows[row["configuration"]].append(row)
    results = {
        name: outcome(search, name, {row["replicate"]: store.result(row["id"], row["chain"]) for row in its})
        for name, its in rows.items()
    }
    kept = [
        name
        for name, it in results.items()
        if it.status == "completed"
        and max((it.violations or {}).values(), default=0) <= 0
        and not any(_constant(store, row, search.checkpoint) for row in rows[name])
    ]
    problems: dict[str, list[str]] = defaultdict(list)
    for name in kept:
        problems[identify_problem(rows[name][0]["config"])].append(
            name
        )  # its first seed's, as a seed may also draw the data
    front = {name for names in problems.values() for name in _front(search, {it: results[it] for it in names})}
    return {name: (results[name], rows[name]) for name in kept if name in front}


def _constant(store: Store, row: Row, checkpoint: str) -> bool:
    """Whether a training ended naming one class whatever the image: its robustness is no merit."""
    return constant(store.result(row["id"], row["chain"]) or {}, checkpoint) is not None


def _front(search: Search, results: dict[str, Outcome]) -> list[str]:
    points = [[_less(search, name, value) for name, value in (it.values or {}).items()] for it in results.values()]
    return [name for name, stays in zip(results, is_nondominated(points, keep_weakly=True), strict=True) if stays]


def _less(search: Search, name: str, value: float) -> float:
    return -SIGNS[search.objectives[name]] * value


def _trained(
    loaded: LoadedSpace,
    plan: Row,
    front: dict[str, tuple[Outcome, list[Row]]],
    options: argparse.Namespace,
    folder: Place,
    console: Console,
    began: float,
) -> int:
    """Run the sweep of fresh seeds, each trained to its end: what limited the search does not limit this."""
    search = loaded.space.search.model_copy(update={"stopping": NoStopping(), "budget": Budget()})
    resources = resolve_gpus(loaded.space.resources, os.environ.get("RAY_ADDRESS"), console)
    loaded.space = loaded.space.model_copy(update={"search": search, "resources": resources})
    first = max(row["replicate"] for row in plan["trials"] if row["kind"] == "trial") + 1
    seeds = tuple(range(first, first + options.seeds))
    sources = DatasetCache()
    planner = Planner(loaded, sources.fingerprint, standing_code(folder, options.accept_code_change))
    requests = []
    for _, rows in front.values():
        point = {path: Choice(label=label, value=rows[0]["values"][path]) for path, label in rows[0]["axes"].items()}
        requests.append(TrialRequest(point, seeds))
    return begin(loaded, planner.plan(requests), sources, Store(folder), [options.run], console, began)


def _print(
    console: Console,
    search: Search,
    run: Place,
    front: dict[str, tuple[Outcome, list[Row]]],
    store: Store,
    missing: str,
) -> None:
    """Side by side: what the search saw of the front, and what fresh seeds say; `missing` is what it did not see."""
    plan = stored_plan(store.folder) or {"trials": []}
    again = chosen(store, plan, search)
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    so_far = f" so far ({missing})" if missing else ""
    table.title = f"front of {store.folder.name.removesuffix('.confirmed')}{so_far}, validation, percent (seeds)"
    for header in ("configuration", "metric", "chosen with", "fresh seeds", "front again"):
        table.add_column(header, overflow="fold", no_wrap=header != "configuration")
    axes = read_axes(stored_plan(run) or plan)  # of the run: what varies in it, and not among the front alone
    for name, (before, rows) in front.items():
        called = axes.names({path: str(label) for path, label in rows[0]["axes"].items()}, name).name
        seeds = {
            row["replicate"]: store.result(row["id"], row["chain"])
            for row in plan["trials"]
            if row["configuration"] == name
        }
        after = outcome(search, name, seeds)
        for i, metric in enumerate(search.objectives):
            whose, stays = (called, "yes" if name in again else "no") if i == 0 else ("", "")
            table.add_row(whose, metric, _cell(before, metric), _cell(after, metric), stays)
    console.print(table)


def _cell(it: Outcome, metric: str) -> str:
    if it.values is None:
        return it.status
    error = f" ± {100 * it.errors[metric]:.1f}" if it.errors else ""
    return f"{100 * it.values[metric]:.1f}{error} ({len(it.seeds)})"
