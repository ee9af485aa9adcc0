"""python -m search.confirm RUN --seeds 5: train a search's front again with fresh seeds, and see what stands.

Whoever wins among many has had luck too: the seeds that chose a configuration flatter it. Those trained here choose
nothing. They lie beside the run, in RUN.confirmed, a sweep like any other: the same command carries on or extends it.
Exit codes: those of search.run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from moocore import is_nondominated
from rich.console import Console
from rich.table import Table

from search.axes import Choice
from search.cluster import Infeasible
from search.command import begin
from search.locking import Busy
from search.objectives import Outcome, outcome
from search.planfile import stored_plan
from search.planner import Planner, Request
from search.remote import Unreachable, place, reach, said
from search.sources import Sources
from search.space import Loaded, Search, load
from search.stopping import NoStopping
from search.store import Store
from search.yamlfile import SpaceError
from trainers.records import Place, Row


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    began = time.monotonic()
    it = argparse.ArgumentParser(prog="python -m search.confirm", description=__doc__)
    it.add_argument("run", type=place, help="a finished sweep's folder, such as results/friendly_k, or its URL")
    it.add_argument("--seeds", type=int, default=5, help="fresh seeds for each configuration of the front (default: 5)")
    it.add_argument("--address", help="of a Ray cluster; default: RAY_ADDRESS, else Ray on this machine alone")
    options = it.parse_args(arguments)
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    if options.address:
        os.environ["RAY_ADDRESS"] = options.address
    folder = options.run.parent / f"{options.run.name}.confirmed"
    try:
        reach(options.run)
        plan = stored_plan(options.run)
        if not isinstance(plan, dict) or options.seeds < 1:
            raise SpaceError([f"{options.run}: no sweep is stored there (no plan.json)"])
        loaded = _space(options.run)
        front = chosen(Store(options.run), plan, loaded.space.search)
        if not front:
            raise SpaceError([f"{options.run}: no configuration of it has all its seeds and keeps the constraints"])
        code = _trained(loaded, plan, front, options, folder, console, began)
        _print(console, loaded.space.search, front, Store(folder))
        return code
    except SpaceError as error:
        for problem in error.problems:
            errors.print(f"error: {problem}", markup=False)
    except Unreachable as error:
        errors.print(f"error: {error}", markup=False)
    except (Busy, Infeasible) as error:
        errors.print(f"error: {folder}: {error}", markup=False)
    return 2


def _space(folder: Place) -> Loaded:
    """The stored space; of a sweep behind a URL by way of a copy. Raises SpaceError."""
    if isinstance(folder, Path):
        return load(folder / "space.yaml", [])
    with TemporaryDirectory() as scratch:
        copy = Path(scratch, "space.yaml")
        try:
            copy.write_bytes((folder / "space.yaml").read_bytes())
        except OSError as error:
            raise SpaceError([f"{folder / 'space.yaml'}: cannot be read: {said(error)}"]) from None
        return load(copy, [])


def chosen(store: Store, plan: Row, search: Search) -> dict[str, tuple[Outcome, list[Row]]]:
    """The configurations on the validation front, with what chose them and their rows of the plan."""
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
        if it.status == "completed" and max((it.violations or {}).values(), default=0) <= 0
    ]
    if not kept:
        return {}
    points = [[_less(search, name, value) for name, value in (results[it].values or {}).items()] for it in kept]
    return {
        name: (results[name], rows[name])
        for name, stays in zip(kept, is_nondominated(points, keep_weakly=True), strict=True)
        if stays
    }


def _less(search: Search, name: str, value: float) -> float:
    return -value if search.objectives[name] == "max" else value


def _trained(
    loaded: Loaded,
    plan: Row,
    front: dict[str, tuple[Outcome, list[Row]]],
    options: argparse.Namespace,
    folder: Place,
    console: Console,
    began: float,
) -> int:
    """Run the sweep of fresh seeds, each trained to its end."""
    search = loaded.space.search.model_copy(update={"stopping": NoStopping()})
    loaded.space = loaded.space.model_copy(update={"search": search})
    first = max(row["replicate"] for row in plan["trials"] if row["kind"] == "trial") + 1
    seeds = tuple(range(first, first + options.seeds))
    sources = Sources()
    planner = Planner(loaded, sources.fingerprint)
    requests = []
    for _, rows in front.values():
        point = {path: Choice(label=label, value=rows[0]["values"][path]) for path, label in rows[0]["axes"].items()}
        requests.append(Request(point, seeds))
    return begin(loaded, planner.plan(requests), sources, Store(folder), [options.run], console, began)


def _print(console: Console, search: Search, front: dict[str, tuple[Outcome, list[Row]]], store: Store) -> None:
    """Side by side: what the search saw of the front, and what fresh seeds say."""
    plan = stored_plan(store.folder) or {"trials": []}
    again = chosen(store, plan, search)
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"front of {store.folder.name.removesuffix('.confirmed')}, validation, percent (seeds)"
    for header in ("configuration", "metric", "chosen with", "fresh seeds", "front again"):
        table.add_column(header, overflow="fold", no_wrap=header != "configuration")
    for name, (before, _) in front.items():
        seeds = {
            row["replicate"]: store.result(row["id"], row["chain"])
            for row in plan["trials"]
            if row["configuration"] == name
        }
        after = outcome(search, name, seeds)
        for i, metric in enumerate(search.objectives):
            whose, stays = (name, "yes" if name in again else "no") if i == 0 else ("", "")
            table.add_row(whose, metric, _cell(before, metric), _cell(after, metric), stays)
    console.print(table)


def _cell(it: Outcome, metric: str) -> str:
    if it.values is None:
        return it.status
    error = f" ± {100 * it.errors[metric]:.1f}" if it.errors else ""
    return f"{100 * it.values[metric]:.1f}{error} ({len(it.seeds)})"


if __name__ == "__main__":
    sys.exit(main())
