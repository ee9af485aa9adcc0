"""What `python -m search.run` does once its arguments are read; importing this imports Ray."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import yaml

from search.cli import DONE, ENDINGS, report_error
from search.cluster.gpu_packing import resolve_gpus
from search.cluster.nodes import kinds
from search.exceptions import SpaceError
from search.execution.compatibility import (
    STORED,
    check_compatible,
    damaged,
    over_by_other_code,
    standing_code,
    stored_trials,
)
from search.execution.folder_claim import Claim, claimed
from search.execution.reuse import check_reused, import_states, remaining, renamed_trials
from search.execution.sweep import Sweep
from search.execution.upstream import check_rankings
from search.formatting import format_count
from search.planning.data_inspection import note_contents
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.planning.validation import check_plan, list_notes
from search.run.dry_run import print_plan
from search.sampling.ask_tell import AskTellLoop
from search.sampling.study import AskTellStudy
from search.schema.space import LoadedSpace, load_space
from search.store import health, location
from search.store.lease import WINDOW
from search.store.lock import acquire, is_locked
from search.store.plan_file import stored_plan, write_plan
from search.store.provenance import Provenance, carrying_on
from search.store.remote import RemotePath, check_reachable, explain_error
from search.store.store import Store
from trainers.record_io import Place, signed, write_atomic
from trainers.terminal.console import Console, error_console


def execute(options: argparse.Namespace, began: float) -> int:
    """Run, resume, extend or plan a sweep, begun at time.monotonic `began`. Returns the exit code."""
    console, errors = Console(), error_console()
    folder = options.results
    try:
        for each in (options.results, *options.reuse):
            check_reachable(each)
        loaded, folder = _loaded(options)
        accept = options.accept_code_change
        over = None if options.fresh or accept else over_by_other_code(folder, loaded.document.tree)
        if over:
            return _shown(folder, over, console, options.dry_run)
        resources = resolve_gpus(loaded.space.resources, os.environ.get("RAY_ADDRESS"), console)
        loaded.space = loaded.space.model_copy(update={"resources": resources})
        sources = DatasetCache(download=not options.dry_run)
        code = None if options.fresh else standing_code(folder, accept)
        planner = Planner(loaded, sources.fingerprint, code)
        plan = planner.plan(planner.sample_requests() if loaded.space.search.adapts else None)
        check_plan(loaded, plan, sources)
        check_rankings(loaded, plan, sources)
        for note in (
            *list_notes(loaded, plan, sources),
            *note_contents(loaded, plan, sources),
            *location.exposed(folder),
        ):
            errors.print(f"note: {note}")
        if options.dry_run:
            _planned(options, loaded, plan, folder, sources, console)
            return DONE
        with claimed(folder, console) as claim:
            store = _locked(options, claim, console)
            asker = AskTellStudy(loaded.space.search, folder) if loaded.space.search.draws else None
            if asker:
                planner = Planner(loaded, sources.fingerprint, planner.code)  # without what the likely ones alone want
            rounds = AskTellLoop(planner, store, errors.print, asker)
            plan = rounds.restore_plan() if asker or loaded.space.search.adds_seeds else plan
            renamed = _entered(loaded, plan, store, console, asker)
            sweep = Sweep(store, plan, loaded.space, sources, console, renamed, rounds)
            return _run(sweep, options.reuse, console, began, missed=True)
    except ENDINGS as error:
        return report_error(error, folder, "--name NAME starts beside it, --fresh moves it aside.", errors)


def _shown(folder: Place, over: str, console: Console, dry: bool) -> int:
    """Report a sweep that came to its end, without a word in its records: to it this code is not accepted.

    Nothing is planned: what this code makes of the space may have other names, and nobody would train it.
    """
    since = "the code in trainers/ has changed since, and trains nothing"
    console.print(f"{folder.name} {over}; {since}.", soft_wrap=True)
    if not dry:
        _report(folder)
    return DONE


def _planned(
    options: argparse.Namespace, loaded: LoadedSpace, plan: Plan, folder: Place, sources: DatasetCache, console: Console
) -> None:
    """What would be done, and whether it would be refused where that can be known."""
    search = loaded.space.search
    stored = None if options.fresh or search.adapts else folder  # what was asked is not what is drawn for the figures
    print_plan(console, plan, loaded.space, options.results, sources, remaining(stored, plan, options.reuse))
    if not stored or search.adds_seeds:  # which are asked for on the way
        return
    for line in damaged(stored):
        console.print(f"note: {line}", markup=False, soft_wrap=True)
    if all(sources.is_loaded(trial.config.data) for trial in plan.trials):
        check_compatible(stored, plan, loaded.document.tree)
    elif stored_plan(stored):
        console.print(
            f"note: {stored} holds a sweep; whether this is the same is not known without the data",
            soft_wrap=True,
        )


def _loaded(options: argparse.Namespace) -> tuple[LoadedSpace, Place]:
    """The space and where its sweep lies. A search that was lengthened before stays so."""
    loaded = load_space(options.space, options.set)
    folder = _place(options, loaded)
    check_reused(options.reuse, folder)
    if loaded.space.search.loggers and not isinstance(folder, Path):
        message = f"they keep files beside the records, and {folder} is no folder"
        raise SpaceError([loaded.format_problem(("search", "loggers"), message)])
    search = loaded.space.search
    if search.strategy == "grid":
        if options.add_trials:
            raise SpaceError(["--add-trials: a grid has the trials that its axes list; add values to them instead"])
        return loaded, folder
    trials = max(search.trials or 0, 0 if options.fresh else stored_trials(folder)) + options.add_trials
    if search.trials and trials != search.trials:
        loaded = load_space(options.space, [*options.set, f"search.trials={trials}"])
    return loaded, folder


def _place(options: argparse.Namespace, loaded: LoadedSpace) -> Place:
    """Where the sweep lies. Raises SpaceError where none can."""
    name, whose = options.name, f"--name {options.name!r}"
    if name is None:
        name, whose = loaded.name, f"{str(options.space)!r} names its study {loaded.name!r}, which"
    if why := location.unfit(name):
        raise SpaceError([f"{whose} {why}; --name NAME chooses another"])
    if why := location.unusable(options.results):
        raise SpaceError([f"--results {options.results}: {why}"])
    folder: Place = options.results / name
    if why := location.unfree(folder):
        raise SpaceError([f"{folder}: {why}; --name NAME or --results DIR chooses another"])
    return folder


def _locked(options: argparse.Namespace, claim: Claim, console: Console) -> Store:
    """The sweep's directory, held by this process."""
    folder = claim.folder
    try:
        if options.fresh and folder.exists():
            if not isinstance(folder, Path):
                raise SpaceError([f"--fresh: {folder} cannot be moved aside; --name NAME starts beside it"])
            acquire(folder)()  # not from under a process that runs it
            console.print(f"The sweep that was there is now {claim.move_aside()}.")
        if isinstance(folder, RemotePath) and is_locked(folder):
            console.print(f"{folder}: held a moment ago; waiting {WINDOW:g} s to see whether that process lives.")
    except OSError as error:
        raise _unwritable(folder, error) from None
    _held(claim)
    return Store(folder)


def _held(claim: Claim) -> None:
    """Let this process hold a folder. Raises SweepLocked, or SpaceError where nothing can be written."""
    try:
        acquire(claim.folder)
        claim.note()
    except OSError as error:
        raise _unwritable(claim.folder, error) from None


def _entered(
    loaded: LoadedSpace, plan: Plan, store: Store, console: Console, asker: AskTellStudy | None = None
) -> dict[str, str]:
    """Write down what is to be run, if it does not contradict what is stored; trainings that it renames."""
    folder, tree = store.folder, loaded.document.tree
    added = check_compatible(folder, plan, tree, asker is not None and asker.may_lack_points)
    for line in damaged(folder):
        console.print(f"note: {line}; it is made again of the space and of what is stored", markup=False)
    for line in asker.damage.lines() if asker else ():
        console.print(f"note: {line}; what followed is asked again, and so the same", markup=False)
    if added:
        are = "is" if added == 1 else "are"
        console.print(f"Extending {folder}: {format_count(added, 'training')} {are} new.")
    renamed = renamed_trials(folder, plan)
    try:
        health.establish(folder)
        store.sweep_leftovers()
        write_atomic(folder / STORED, signed(yaml.safe_dump(tree, sort_keys=False)))
        write_plan(folder, plan.to_json(folder.name))
    except OSError as error:
        raise _unwritable(folder, error) from None
    return renamed


def _unwritable(folder: Place, error: OSError) -> SpaceError:
    if isinstance(folder, RemotePath):
        return SpaceError([f"{folder}: cannot be written: {explain_error(error)}"])
    return SpaceError([f"{folder}: cannot be written: {error.strerror or error}; free room or choose another folder"])


def begin(
    loaded: LoadedSpace,
    plan: Plan,
    sources: DatasetCache,
    store: Store,
    reuse: list[Place],
    console: Console,
    began: float,
) -> int:
    """Run a plan of which nothing further is asked, in a folder of its own. Returns the exit code.

    Raises SweepLocked, DifferentSweep or SpaceError where it cannot begin.
    """
    with claimed(store.folder, console) as claim:
        _held(claim)
        renamed = _entered(loaded, plan, store, console)
        return _run(Sweep(store, plan, loaded.space, sources, console, renamed), reuse, console, began, missed=False)


def _run(sweep: Sweep, reuse: list[Place], console: Console, began: float, missed: bool) -> int:
    """`missed`: whether to say so where another sweep has nothing to take, as a user named it to take from."""
    folder = sweep.store.folder
    provenance = Provenance(folder)
    try:
        provenance.begin(sweep.plan.code)
        for other, (states, epochs, common) in import_states(sweep.store, sweep.plan, reuse).items():
            if states:
                console.print(f"{states} states behind {epochs} epochs are taken from {other}.")
            if missed and not common:
                console.print(f"{other} holds no state that this sweep has in common with it.")
    except OSError as error:
        raise _unwritable(folder, error) from None
    code = sweep.run(os.environ.get("RAY_ADDRESS"), carrying_on())
    try:
        health.check(folder)
        provenance.slots(sweep.orders.slots)
        provenance.nodes(kinds(sweep.nodes))
        provenance.end(code, began, sweep.spent)  # for the report to tell
        if sweep.ended() and not sweep.interrupted:
            _report(folder)
            provenance.end(code, began, sweep.spent)
    except OSError as error:
        why = health.storage_problem_behind(error, folder) or str(error)
        if not code:  # else the storage is told of as what stopped it
            console.print(f"Not written down in provenance.json, how this ended: {why}", soft_wrap=True)
    sweep.conclude()
    return code


def _report(folder: Place) -> None:
    subprocess.run([sys.executable, "-m", "analysis.report", str(folder)], check=False)
