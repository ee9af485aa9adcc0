"""The work of `python -m search.verify` once its arguments are parsed. Importing this module imports torch."""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from math import inf, nan
from pathlib import Path
from typing import Any

import torch

from search.exceptions import NoSweep, PlanMismatch, SpaceError, Unreachable
from search.execution.devices import DIFFERENT_BITS, list_devices
from search.execution.repair import find_damaged_files
from search.execution.session import Session
from search.planning.datasets import DatasetCache, drop_corruptions, identify_source
from search.planning.front_first import list_postponed
from search.planning.jobs import Job
from search.planning.measurements import complete_corruptions, complete_evaluation
from search.planning.start_weights import StartWeights
from search.store import health
from search.store.plan_file import load_plan
from search.store.provenance import CHANGES, find_commit_of_code
from search.store.remote import check_reachable
from search.store.store import Store
from trainers.checkpoints import CheckpointError
from trainers.config import TrialConfig
from trainers.data import identify_splits, prepare_data
from trainers.evaluate import Evaluation
from trainers.files import FileError
from trainers.formatting import did_you_mean, format_count
from trainers.hardware import describe_device
from trainers.images import DataError
from trainers.record_io import Place, Row, write_atomic
from trainers.record_reader import read_content, read_rows
from trainers.state_chain import training_code
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_progress, track_progress
from trainers.verdict_log import hash_weights

RECORDS = ("epochs.jsonl", "result.json", "instances.npz", "diagnostics.npz", "config.yaml")


SLICE_SECONDS = 0.5  # between two counts of the epochs


class Unverifiable(Exception):
    """Nothing can be compared; the message says why."""


def verify_run(options: argparse.Namespace) -> int:
    """Train some trials of a run again and compare them. Return the exit code."""
    console, errors = Console(), error_console()
    try:
        check_reachable(options.run)
        plan, ended = _read_ended(options.run)
        rows = _find_trials(ended, options.trial) if options.trial else _sample(ended, options.sample, options.seed)
        epochs = sum(row["epochs"] for row in rows)
        errors.print(
            f"{format_count(len(rows), 'trial')} of {options.run}, {format_count(epochs, 'epoch')}, "
            "trained from scratch:"
        )
        checked = track_progress(ended, "checking records", len(ended))
        unchecked, damaged = _check_records(Store(options.run), checked, console)
        different = with_weights = on_other_devices = 0
        with (
            tempfile.TemporaryDirectory(prefix="verify-") as scratch,  # outside the sweep, as a kill leaves it behind
            show_progress("training from scratch, epochs", epochs) as progress,
        ):
            for row in rows:
                differences, weights_stored = compare_trial(options.run, Path(scratch), plan, row, progress.advance)
                different += bool(differences)
                with_weights += weights_stored
                console.print(f"{'DIFFERS' if differences else 'equal'}: {row['id']}", soft_wrap=True)
                for line in differences:
                    console.print(f"  {line}", soft_wrap=True)
                if elsewhere := _describe_other_devices(options.run, row) if differences else "":
                    on_other_devices += 1
                    console.print(f"  {elsewhere}", markup=False, soft_wrap=True)
    except (NoSweep, Unreachable) as error:
        errors.print(f"error: {error}")
        return 2
    except (Unverifiable, PlanMismatch, CheckpointError, DataError, FileError, OSError, ValueError) as error:
        errors.print(f"error: {options.run}: {error}")
        return 2
    except SpaceError as error:
        errors.print(f"error: {options.run}: " + "; ".join(error.problems))
        return 2
    console.print(
        f"{len(rows) - different} of {len(rows)} trials trained again from scratch have the same records, and the same "
        f"last weights where these are stored ({with_weights} of {len(rows)}), bit for bit.",
        soft_wrap=True,
    )
    if on_other_devices:
        console.print(
            f"{on_other_devices} of the {different} that differ were trained on another device than this, and "
            f"{DIFFERENT_BITS}: verify them on one like theirs.",
            soft_wrap=True,
        )
    console.print(_format_integrity(len(ended), damaged, unchecked), soft_wrap=True)
    return int(different + damaged > 0)


def _check_records(store: Store, ended: Iterable[Row], console: Console) -> tuple[int, int]:
    """Check the records of trials by their checksums, and print the damaged ones.

    Return how many trials have no checksums, and how many are damaged.
    """
    unchecked = damaged = 0
    for row in ended:
        result = store.read_result(row["id"], row["chain"]) or {}
        unchecked += "sha256" not in result
        if files := find_damaged_files(store.trial_folder(row["id"]), result, thorough=True):
            damaged += 1
            console.print(f"DAMAGED: {row['id']}: {' and '.join(files)}", markup=False, soft_wrap=True)
    return unchecked, damaged


def _format_integrity(ended: int, damaged: int, unchecked: int) -> str:
    if damaged:
        again = "the command that ran the sweep makes them again"
        return f"The records of {damaged} of {ended} trials are damaged; {again}."
    old = f"; those of {unchecked} were written before there were checksums, and are not checked" if unchecked else ""
    return f"The records of {ended - unchecked} of {ended} trials are as they were written, by their checksums{old}."


def _tell_checkout(commit: str | None) -> str:
    """Tell which checkout has the code of a commit, as the sweep recorded it."""
    if commit is None:
        return "its provenance.json names no commit; the checkout that trained it can verify it"
    if commit.endswith(CHANGES):
        return (
            f"commit {commit.removesuffix(CHANGES)} with changes that were not committed; only a checkout with the "
            "same changes in trainers/ can verify it (commit your changes before you train, and any checkout can)"
        )
    return f"put your own changes aside (git stash), then `git checkout {commit}` and verify it there"


def _read_ended(folder: Place) -> tuple[Row, list[Row]]:
    """Return the stored plan, and its rows of all trials that ended. Raises Unverifiable."""
    plan = load_plan(folder)
    if plan["code"] != training_code():
        commit = find_commit_of_code(folder, plan["code"])
        raise Unverifiable(f"it was trained by other training code than this: {_tell_checkout(commit)}")
    store = Store(folder)
    ended = [row for row in plan["trials"] if store.read_result(row["id"], row["chain"])]
    if not ended:
        raise Unverifiable("none of its trials has ended yet")
    return plan, ended


def _find_trials(ended: list[Row], names: list[str]) -> list[Row]:
    """Return the rows of named trials, each once. Raises Unverifiable if one of them is not among those that ended."""
    known = {row["id"]: row for row in ended}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; names are those of the folders in trials/, such as {min(known)}"
            raise Unverifiable(f"--trial {name}: no trial of this name has ended{hint}")
    return [known[name] for name in dict.fromkeys(names)]


def _sample(ended: list[Row], sample: str, seed: int) -> list[Row]:
    """Draw a share or a number of the trials that ended. Raises Unverifiable."""
    try:
        share = float(sample.removesuffix("%")) / 100 if sample.endswith("%") else None
        wanted = int(sample) if share is None else share * len(ended) if share <= 1 else nan
    except ValueError:
        wanted = nan
    if not 0 < wanted < inf:
        raise Unverifiable(f"--sample {sample}: write a share or a number, such as 2% or 5")
    return random.Random(seed).sample(ended, min(math.ceil(wanted), len(ended)))


def compare_trial(
    folder: Place, scratch: Path, plan: Row, row: Row, advance: Callable[[int], None] = lambda epochs: None
) -> tuple[list[str], bool]:
    """Train a trial alone. Return its differences from the stored one, and whether weights are stored to compare.

    `advance` is called now and then with the number of epochs that were trained since.
    """
    store, alone = Store(folder), _train_trial(folder, scratch, plan, row, advance)
    equal = _compare_weights(store, alone, row)
    return [*_find_differences(store, alone, row), *(["the last weights"] if equal is False else [])], equal is not None


def _train_trial(folder: Place, scratch: Path, plan: Row, row: Row, advance: Callable[[int], None]) -> Store:
    """Train one trial in a new store, and return that.

    Raises Unverifiable if it needs a GPU that is not there, and Unverifiable, DataError, FileError, CheckpointError or
    OSError if its data, ranking or start weights are gone or have changed.
    """
    store, alone = Store(folder), Store(scratch / "store")
    shutil.rmtree(scratch / "store", ignore_errors=True)
    health.create_folders(alone.folder)
    result = store.read_result(row["id"], row["chain"])
    own = TrialConfig.model_validate(row["config"])
    config, corrupted = complete_corruptions(store, row["id"], result, own, row.get("corrupted"))
    if config.compute.device == "cuda" and not torch.cuda.is_available():
        raise Unverifiable(
            f"{row['id']} was trained on a GPU, and torch finds none here; verify it on a machine with one"
        )
    sources = DatasetCache()
    whole = sources.fingerprint(config.data)
    named = drop_corruptions(config.data) if corrupted else config.data
    if identify_splits(sources.fingerprint(named), named) != row["data"] or corrupted not in (None, whole):
        raise Unverifiable(f"{row['id']}: its data has changed; put back the files that it was trained on")
    if row["kind"] == "trial" and row["ranks"]:
        write_atomic(alone.ranking_path(row["ranks"]), read_content(store.ranking_path(row["ranks"]), sys.maxsize))
    start = StartWeights.model_validate(row["start"]) if row["start"] else None
    if start and start.training:
        store.copy_state_to(start.content, alone)
    key = identify_source(config.data)
    evaluation = complete_evaluation(store, row["id"], row["chain"], Evaluation.model_validate(plan["evaluate"]))
    row = row | {"config": config.model_dump(mode="json"), "corrupted": corrupted}
    session = Session(
        _build_job(alone, plan, row, start, key, result or {}, evaluation),
        prepare_data(sources.loaded[key], config.data),
    )
    runs = True
    while runs:
        runs = session.advance(SLICE_SECONDS) == "running"
        advance(len(session.take_new_rows()))
    return alone


def _build_job(
    alone: Store, plan: Row, row: Row, start: StartWeights | None, source: str, result: Row, evaluation: Evaluation
) -> Job:
    stop = result.get("stopped")
    return Job(
        folder=str(alone.folder),
        trial=row["id"],
        config=row["config"],
        corrupted=row["corrupted"],
        evaluation=evaluation.model_dump(mode="json"),
        data=row["data"],
        source=source,
        ranks=row["ranks"] if row["kind"] == "trial" else None,
        final=row["chain"],
        threads=plan["threads"],
        code=plan["code"],
        training_code=training_code(),
        checkpoint_seconds=inf,
        start=start.model_dump() if start else None,
        until=(stop or {}).get("epoch"),
        stop=stop,
        postponed=tuple(sorted(list_postponed(result, evaluation))),
    )


def _find_differences(store: Store, alone: Store, row: Row) -> Iterator[str]:
    """Yield the names of the records that differ."""
    for name in RECORDS:
        stored, again = (_read_record(place.trial_folder(row["id"]) / name) for place in (store, alone))
        if stored != again:
            yield f"{name}{_locate_difference(store, alone, row['id']) if name == 'epochs.jsonl' else ''}"


def _compare_weights(store: Store, alone: Store, row: Row) -> bool | None:
    """Tell whether the last weights are equal; None if none are stored: `keep` has deleted them, or there were none."""
    stored, again = store.read_state(row["chain"]), alone.read_state(row["chain"])
    return _hash_weights(stored.get("model")) == _hash_weights(again.get("model")) if stored and again else None


def _describe_other_devices(folder: Place, row: Row) -> str:
    """Say on which devices a stored trial was trained, if not all of its epochs were on one like this."""
    here = describe_device(torch.device(row["config"]["compute"]["device"]))
    there = list_devices(Store(folder).trial_folder(row["id"]))
    return f"trained on {' and '.join(there)}; here on {here}" if set(there) - {here} else ""


def _read_record(path: Place) -> bytes | None:
    try:
        return read_content(path, sys.maxsize)
    except (FileNotFoundError, ValueError):  # it differs from a record that can be read
        return None


def _locate_difference(store: Store, alone: Store, trial: str) -> str:
    """Return from which epoch on the rows differ, after a comma; empty if the shorter file is a part of the other."""
    pairs = zip(*(read_rows(place.trial_folder(trial) / "epochs.jsonl") for place in (store, alone)), strict=False)
    first = next((i for i, (stored, again) in enumerate(pairs) if stored != again), None)
    return "" if first is None else f", from epoch {first} on"


def _hash_weights(weights: Any) -> str:
    """Return a hash of tensors by name; an empty one for any other value, so that it equals no trained weights."""
    try:
        return hash_weights(weights)
    except (TypeError, AttributeError, LookupError):
        return ""
