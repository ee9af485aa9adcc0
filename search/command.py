"""What `python -m search.run` does once its arguments are read; importing this imports Ray."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import yaml
from rich.console import Console

from search import storage
from search.checks import check, notes
from search.dryrun import print_plan
from search.execute import Infeasible
from search.existing import Contradiction, compare, set_aside
from search.interrupt import code_of
from search.plan import Plan, Planner
from search.provenance import Provenance
from search.rankings import check_rankings
from search.sources import Sources
from search.space import Loaded, load
from search.store import Busy, Store
from search.sweep import Sweep
from search.yamlfile import SpaceError
from trainers.records import write_atomic, write_json

DONE, UNFINISHED, BAD_INPUT = 0, 1, 2


def execute(options: argparse.Namespace, began: float) -> int:
    """Run, resume, extend or plan a sweep, begun at time.monotonic `began`. Returns the exit code."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    folder = options.results
    try:
        loaded = load(options.space, options.set)
        folder = options.results / (options.name or loaded.name)
        sources = Sources(download=not options.dry_run)
        plan = Planner(loaded, sources.fingerprint).plan()
        check(loaded, plan, sources)
        check_rankings(loaded, plan, sources)
        for note in notes(loaded, plan):
            errors.print(f"note: {note}", markup=False)
        if options.dry_run:
            print_plan(console, plan, loaded.space, options.results, sources)
            return DONE
        return _run(options, loaded, plan, sources, folder, console, began)
    except SpaceError as error:
        for problem in error.problems:
            errors.print(f"error: {problem}", markup=False)
        n = len(error.problems)
        errors.print(f"{n} problem{'s' * (n > 1)}; nothing was started.", markup=False)
    except Contradiction as error:
        errors.print(f"error: {folder}: " + "\n".join(error.lines), markup=False)
        errors.print("Nothing was changed. --name NAME starts beside it, --fresh moves it aside.", markup=False)
    except Busy:
        errors.print(f"error: {folder}: another process is running this sweep; wait for it or stop it.", markup=False)
    except Infeasible as error:
        errors.print(f"error: {error}", markup=False)
    except OSError as error:
        errors.print(f"Stopped: {storage.trouble_of(error, folder) or error}", markup=False)
        return UNFINISHED
    except KeyboardInterrupt as error:
        errors.print("Interrupted; what was trained is kept.", markup=False)
        return code_of(error)
    return BAD_INPUT


def _run(
    options: argparse.Namespace,
    loaded: Loaded,
    plan: Plan,
    sources: Sources,
    folder: Path,
    console: Console,
    began: float,
) -> int:
    try:
        store = Store(folder)
        if options.fresh and folder.exists():
            os.close(store.lock())  # not from under a process that runs it
            console.print(f"The sweep that was there is now {set_aside(folder)}.", markup=False)
        store.lock()
        storage.establish(folder)
        added = compare(folder, plan, loaded.document.tree)
        if added:
            console.print(f"Extending {folder}: {added} trainings are new.", markup=False)
        store.sweep_leftovers()
        write_atomic(folder / "space.yaml", yaml.safe_dump(loaded.document.tree, sort_keys=False))
        write_json(folder / "plan.json", plan.to_json(folder.name))
        provenance = Provenance(folder)
        provenance.begin()
    except OSError as error:
        raise SpaceError(
            [f"{folder}: cannot be written: {error.strerror or error}; free room or choose --results"]
        ) from None
    sweep = Sweep(store, plan, loaded.space, sources, console)
    code = sweep.run(os.environ.get("RAY_ADDRESS"), " ".join(["python -m search.run", *sys.argv[1:]]))
    try:
        storage.check(store.folder)
        provenance.slots(sweep.slots)
        provenance.end(code, began)  # for the report to tell
        if sweep.ended() and not sweep.interrupted:
            subprocess.run([sys.executable, "-m", "analysis.report", str(folder)], check=False)
            provenance.end(code, began)
    except OSError as error:
        why = storage.trouble_of(error, store.folder) or str(error)
        console.print(f"Not written down in provenance.json, how this ended: {why}", markup=False, soft_wrap=True)
    return code
