"""The work of `python -m search.run` once its arguments are parsed. Importing this module imports Ray."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import yaml

from search.cli import DONE, HANDLED_ERRORS, report_error
from search.cluster.gpu_packing import resolve_gpus
from search.cluster.nodes import group_by_hardware
from search.exceptions import SpaceError
from search.execution.backend import Backend
from search.execution.compatibility import (
    check_compatible,
    describe_damage,
    describe_end_by_other_code,
    find_accepted_code,
)
from search.execution.devices import DIFFERENT_BITS, count_epochs_by_device
from search.execution.folder_claim import FolderClaim, claim_folder
from search.execution.prerequisites import check_rankings
from search.execution.ray_backend import RayBackend
from search.execution.reuse import check_reused, count_remaining, find_renamed_trials, import_states
from search.execution.stored_space import SPACE_FILE, check_data_sets, count_stored_trials, describe_replaced_plan
from search.execution.sweep import Sweep
from search.planning.data_inspection import note_contents
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.planning.validation import check_plan, list_notes
from search.run.dry_run import print_plan
from search.sampling.ask_tell import AskTellLoop
from search.sampling.certification import describe_stored_front
from search.sampling.study import AskTellStudy
from search.schema.space import LoadedSpace, load_space
from search.store import health, location
from search.store.command_line import format_command, format_resume_command
from search.store.lease import EXPIRY_SECONDS
from search.store.lock import acquire_lock, is_locked
from search.store.plan_file import find_plan, write_plan
from search.store.provenance import Provenance
from search.store.remote import RemotePath, check_reachable, explain_error
from search.store.store import Store
from trainers.formatting import format_count
from trainers.record_io import Place, Row, signed, write_atomic
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_wait


def run_space(options: argparse.Namespace, began: float, backend: Backend | None = None) -> int:
    """Run, resume, extend or plan a sweep. Return the exit code.

    `began` is time.monotonic at the start of the command. `backend` trains instead of Ray at the address that the
    environment names.
    """
    console, errors = Console(), error_console()
    folder, command = options.results, format_command()
    try:
        for place in (options.results, *options.reuse):
            check_reachable(place)
        loaded, folder = _load_space(options)
        accept = options.accept_code_change
        over = None if options.fresh or accept else describe_end_by_other_code(folder, loaded.document.tree)
        if over:
            return _report_finished(folder, over, console, options.dry_run)
        resources = resolve_gpus(loaded.space.resources, os.environ.get("RAY_ADDRESS"), console)
        loaded.space = loaded.space.model_copy(update={"resources": resources})
        sources = DatasetCache(download=not options.dry_run)
        code = None if options.fresh else find_accepted_code(folder, accept)
        planner = Planner(loaded, sources.fingerprint, code)
        plan = planner.plan(planner.sample_requests() if loaded.space.search.adapts else None)
        check_plan(loaded, plan, sources)
        check_rankings(loaded, plan, sources)
        for note in (
            *list_notes(loaded, plan, sources),
            *note_contents(loaded, plan, sources),
            *location.list_world_writable(folder),
        ):
            errors.print_paragraph(f"note: {note}")
        if options.dry_run:
            _print_dry_run(options, loaded, plan, folder, sources, console)
            return DONE
        with claim_folder(folder, console) as claim:
            store = _lock_store(options, claim, console)
            asker = AskTellStudy(loaded.space.search, folder) if loaded.space.search.draws else None
            if asker:
                planner = Planner(loaded, sources.fingerprint, planner.code)  # without what only the likely trials need
            rounds = AskTellLoop(planner, store, errors.print, asker)
            plan = rounds.restore_plan() if asker or loaded.space.search.adds_seeds else plan
            renamed = _record_sweep(loaded, plan, store, console, asker)
            command = format_resume_command()
            sweep = Sweep(store, plan, loaded.space, sources, console, backend or ray_backend(), renamed, rounds)
            return _run_sweep(sweep, options.reuse, console, began, note_missed=True)
    except HANDLED_ERRORS as error:
        return report_error(error, folder, "--name NAME starts beside it, --fresh moves it aside.", errors, command)


def _report_finished(folder: Place, over: str, console: Console, dry: bool) -> int:
    """Report a sweep that other code has finished, without changing its records.

    Nothing is planned: trials that this code plans may have other names, and they would not be trained.
    """
    since = "the code in trainers/ has changed since, and trains nothing"
    console.print(f"{folder.name} {over}; {since}.", soft_wrap=True)
    if not dry:
        _report(folder, console)
    return DONE


def _print_dry_run(
    options: argparse.Namespace, loaded: LoadedSpace, plan: Plan, folder: Place, sources: DatasetCache, console: Console
) -> None:
    """Print the plan, and check as far as the data is loaded whether a run would be refused."""
    search = loaded.space.search
    # the figures are of trials drawn at random, which are not those that an adaptive search has stored
    stored = None if options.fresh or search.adapts else folder
    with show_wait("estimating the time"):
        print_plan(console, plan, loaded.space, options.results, sources, count_remaining(stored, plan, options.reuse))
    if not options.fresh:
        check_data_sets(folder, plan)
    if not stored or search.adds_seeds:  # further seeds are asked for during the search
        return
    for line in describe_damage(stored):
        console.print(f"note: {line}", markup=False, soft_wrap=True)
    if all(sources.is_loaded(trial.config.data) for trial in plan.trials):
        check_compatible(stored, plan, loaded.document.tree)
        _note_replaced_plan(stored, plan, loaded.document.tree, console)
    elif find_plan(stored):
        console.print(
            f"note: {stored} holds a sweep; without the data it is unknown whether this is the same one. If it is "
            "another, a run is refused and changes nothing; --name NAME starts beside it",
            soft_wrap=True,
        )


def _load_space(options: argparse.Namespace) -> tuple[LoadedSpace, Place]:
    """Load the space and find its sweep's folder. Trials added by an earlier command stay added."""
    loaded = load_space(options.space, options.set)
    folder = _resolve_folder(options, loaded)
    check_reused(options.reuse, folder)
    if loaded.space.search.loggers and not isinstance(folder, Path):
        message = f"they keep files beside the records, and {folder} is no folder"
        raise SpaceError([loaded.format_problem(("search", "loggers"), message)])
    search = loaded.space.search
    if search.strategy == "grid":
        if options.add_trials:
            raise SpaceError(["--add-trials: a grid has the trials that its axes list; add values to them instead"])
        return loaded, folder
    trials = max(search.trials or 0, 0 if options.fresh else count_stored_trials(folder)) + options.add_trials
    if search.trials and trials != search.trials:
        loaded = load_space(options.space, [*options.set, f"search.trials={trials}"])
    return loaded, folder


def _resolve_folder(options: argparse.Namespace, loaded: LoadedSpace) -> Place:
    """Return the sweep's folder. Raises SpaceError if no sweep can be stored there."""
    name, origin = options.name, f"--name {options.name!r}"
    if name is None:
        name, origin = loaded.name, f"{str(options.space)!r} names its study {loaded.name!r}, which"
    if why := location.find_name_problem(name):
        raise SpaceError([f"{origin} {why}; --name NAME chooses another"])
    if why := location.find_results_problem(options.results):
        raise SpaceError([f"--results {options.results}: {why}"])
    folder: Place = options.results / name
    if why := location.find_folder_problem(folder):
        raise SpaceError([f"{folder}: {why}; --name NAME or --results DIR chooses another"])
    return folder


def _lock_store(options: argparse.Namespace, claim: FolderClaim, console: Console) -> Store:
    """Lock the sweep's folder, after moving an existing sweep aside if --fresh asks for that. Return its store."""
    folder = claim.folder
    try:
        if options.fresh and folder.exists():
            if not isinstance(folder, Path):
                raise SpaceError([f"--fresh: {folder} cannot be moved aside; --name NAME starts beside it"])
            acquire_lock(folder)()  # raises SweepLocked if a process runs it
            console.print(f"The sweep that was there is now {claim.move_aside()}.")
        if isinstance(folder, RemotePath) and is_locked(folder):
            console.print(
                f"{folder}: locked a moment ago; waiting {EXPIRY_SECONDS:g} s to see whether that process still runs."
            )
    except OSError as error:
        raise _explain_unwritable(folder, error) from None
    _lock_folder(claim)
    return Store(folder)


def _lock_folder(claim: FolderClaim) -> None:
    """Lock a folder for this process. Raises SweepLocked, or SpaceError if nothing can be written."""
    try:
        acquire_lock(claim.folder)
        claim.record_contents()
    except OSError as error:
        raise _explain_unwritable(claim.folder, error) from None


def _record_sweep(
    loaded: LoadedSpace, plan: Plan, store: Store, console: Console, asker: AskTellStudy | None = None
) -> dict[str, str]:
    """Store the space and the plan, if the stored sweep is compatible. Return the trainings that are renamed."""
    folder, tree = store.folder, loaded.document.tree
    added = check_compatible(folder, plan, tree, asker is not None and asker.may_lack_points)
    for line in describe_damage(folder):
        console.print(f"note: {line}; it is rebuilt from the space and the stored records", markup=False)
    for line in asker.damage.lines() if asker else ():
        console.print(f"note: {line}; the trials after it are asked for again, and are the same", markup=False)
    if not _note_replaced_plan(folder, plan, tree, console) and added:
        are = "is" if added == 1 else "are"
        console.print(f"Extending {folder}: {format_count(added, 'training')} {are} new.")
    renamed = find_renamed_trials(folder, plan)
    try:
        health.create_folders(folder)
        store.remove_leftovers()
        write_atomic(folder / SPACE_FILE, signed(yaml.safe_dump(tree, sort_keys=False)))
        write_plan(folder, plan.to_json(folder.name))
    except OSError as error:
        raise _explain_unwritable(folder, error) from None
    return renamed


def _note_replaced_plan(folder: Place, plan: Plan, tree: Row, console: Console) -> bool:
    """Say which stored trainings that have not begun the plan leaves out. Return whether there are any."""
    lines = describe_replaced_plan(folder, plan, tree)
    if lines:
        console.print("note: " + "\n".join(lines), markup=False, soft_wrap=True)
    return bool(lines)


def _explain_unwritable(folder: Place, error: OSError) -> SpaceError:
    if isinstance(folder, RemotePath):
        return SpaceError([f"{folder}: cannot be written: {explain_error(error)}"])
    return SpaceError([f"{folder}: cannot be written: {error.strerror or error}; free room or choose another folder"])


def ray_backend() -> Backend:
    """Return Ray at the address that the environment names, or on this machine alone."""
    return RayBackend(os.environ.get("RAY_ADDRESS"))


def start_sweep(
    loaded: LoadedSpace,
    plan: Plan,
    sources: DatasetCache,
    store: Store,
    reuse: list[Place],
    console: Console,
    began: float,
    backend: Backend | None = None,
) -> int:  # fmt: skip
    """Run a plan that does not grow, in its own folder, without a summary of its results. Return the exit code.

    Raises SweepLocked, DifferentSweep or SpaceError if it cannot start.
    """
    with claim_folder(store.folder, console) as claim:
        _lock_folder(claim)
        renamed = _record_sweep(loaded, plan, store, console)
        sweep = Sweep(store, plan, loaded.space, sources, console, backend or ray_backend(), renamed)
        return _run_sweep(sweep, reuse, console, began, note_missed=False, summarizes=False)


def measure_sweep(
    loaded: LoadedSpace, plan: Plan, sources: DatasetCache, store: Store, measured: Set[str], console: Console,
    began: float, backend: Backend | None = None,
) -> int:  # fmt: skip
    """Measure the trainings of a stored sweep with these ids, in its folder, whose plan stays. Return the exit code.

    Raises SweepLocked or SpaceError if it cannot start.
    """
    with claim_folder(store.folder, console) as claim:
        _lock_folder(claim)
        sweep = Sweep(store, plan, loaded.space, sources, console, backend or ray_backend(), measured=measured)
        return _run_sweep(sweep, [], console, began, note_missed=False)


def _run_sweep(
    sweep: Sweep, reuse: list[Place], console: Console, began: float, note_missed: bool, summarizes: bool = True
) -> int:
    """Run a sweep and report it. Return the exit code.

    `note_missed` tells whether to print that a sweep to reuse has nothing to copy, as a user named it. `summarizes`:
    the results are printed, not only the path of the report, as the caller prints none of its own.
    """
    folder = sweep.store.folder
    provenance = Provenance(folder)
    try:
        provenance.start_run(sweep.plan.code)
        for other, (states, epochs, common) in import_states(sweep.store, sweep.plan, reuse).items():
            if states:
                console.print(f"{states} states after {epochs} epochs are copied from {other}.")
            if note_missed and not common:
                console.print(f"{other} has no state in common with this sweep.")
    except OSError as error:
        raise _explain_unwritable(folder, error) from None
    code = sweep.run(format_resume_command())
    try:
        health.check_folders_exist(folder)
        provenance.set_slots(sweep.jobs.slots)
        provenance.set_nodes(group_by_hardware(sweep.nodes))
        _record_devices(provenance, folder, console)
        provenance.end_run(code, began, sweep.spent)  # so that the report can show it
        if sweep.ended() and not sweep.interrupted:
            _report(folder, console, summarizes)
            provenance.end_run(code, began, sweep.spent)
    except OSError as error:
        why = health.find_storage_problem_behind(error, folder) or str(error)
        if not code:  # otherwise the storage was already reported as what stopped the sweep
            console.print(f"The end of this run could not be written to provenance.json: {why}", soft_wrap=True)
    if sweep.space.search.certifies and sweep.ended():
        for line in describe_stored_front(sweep.space.search, sweep.plan.to_json(folder.name), sweep.store):
            console.print(f"Validation: {line}", soft_wrap=True)
    sweep.conclude()
    return code


def _record_devices(provenance: Provenance, folder: Place, console: Console) -> None:
    devices = count_epochs_by_device((folder / "trials").glob("*/"))
    provenance.set_devices(dict(devices))
    if len(devices) > 1:
        trained = "; ".join(f"{device}: {format_count(n, 'epoch')}" for device, n in devices.items())
        console.print(f"note: it was trained on unlike devices, and {DIFFERENT_BITS} ({trained})", soft_wrap=True)


def _report(folder: Place, console: Console, summarizes: bool = True) -> None:
    console.print("The report is being drawn.")  # which takes longer than the last seconds of a small sweep
    quiet = [] if summarizes else ["--quiet"]
    subprocess.run([sys.executable, "-m", "analysis.report", str(folder), *quiet], check=False)
