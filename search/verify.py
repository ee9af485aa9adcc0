"""python -m search.verify RUN: train a sample of a sweep's trials again, from scratch and alone, and compare the bits.

A trial that took epochs from others, was killed or moved between workers must have the records and the weights of one
that did not. Exit codes: 0 every bit is equal, 1 some differ, 2 there is nothing that can be compared.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from math import inf, nan
from pathlib import Path
from typing import Any

from rich.progress import track

from search.cli import exit_with
from search.exceptions import NoSweep, PlanMismatch, SpaceError, Unreachable
from search.execution.repair import damaged_files
from search.execution.session import Session
from search.formatting import format_count
from search.planning.datasets import DatasetCache, identify_source
from search.planning.jobs import Job
from search.planning.start_weights import StartWeights
from search.store import health
from search.store.plan_file import plan_of
from search.store.remote import check_reachable, parse_path
from search.store.store import Store
from trainers.chain import training_code
from trainers.checkpoints import CheckpointError
from trainers.config import TrialConfig
from trainers.data import identify_splits, prepare_data
from trainers.files import FileError
from trainers.images import DataError
from trainers.reading import read_content, read_rows
from trainers.record_io import Place, Row, write_atomic
from trainers.terminal.console import Console, error_console

RECORDS = ("epochs.jsonl", "result.json", "instances.npz", "config.yaml")


class Unverifiable(Exception):
    """Nothing can be compared, and why."""


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    it = argparse.ArgumentParser(prog="python -m search.verify", description=__doc__)
    it.add_argument("run", type=parse_path, help="a sweep's folder, such as results/friendly_k, or its URL")
    it.add_argument("--sample", default="2%", help="a share or a number of the trials that ended (default: 2%%)")
    it.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    options = it.parse_args(arguments)
    console, errors = Console(), error_console()
    try:
        check_reachable(options.run)
        plan, rows, ended = _sampled(options.run, options.sample, options.seed)
        epochs = sum(row["epochs"] for row in rows)
        errors.print(
            f"{format_count(len(rows), 'trial')} of {options.run}, {format_count(epochs, 'epoch')}, "
            "trained from scratch:"
        )
        unchecked, damaged = _looked_at(Store(options.run), ended, console)
        different = weighed = 0
        with tempfile.TemporaryDirectory(prefix="verify-") as scratch:  # a kill leaves it, and not in the sweep
            for row in track(
                rows, "training from scratch", console=errors, transient=True, disable=not errors.is_terminal
            ):
                found, weights = _compared(options.run, Path(scratch), plan, row)
                different += bool(found)
                weighed += weights
                console.print(f"{'DIFFERS' if found else 'equal'}: {row['id']}", soft_wrap=True)
                for line in found:
                    console.print(f"  {line}", soft_wrap=True)
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
        f"last weights where these are stored ({weighed} of {len(rows)}), bit for bit.",
        soft_wrap=True,
    )
    console.print(_integrity(len(ended), damaged, unchecked), soft_wrap=True)
    return int(different + damaged > 0)


def _looked_at(store: Store, ended: list[Row], console: Console) -> tuple[int, int]:
    """How many trials' records bear no checksums, and how many are not what they were, which are named."""
    unchecked = damaged = 0
    for row in ended:
        result = store.result(row["id"], row["chain"]) or {}
        unchecked += "sha256" not in result
        if files := damaged_files(store.trial(row["id"]), result, thorough=True):
            damaged += 1
            console.print(f"DAMAGED: {row['id']}: {' and '.join(files)}", markup=False, soft_wrap=True)
    return unchecked, damaged


def _integrity(ended: int, damaged: int, unchecked: int) -> str:
    if damaged:
        again = "the command that ran the sweep makes them again"
        return f"The records of {damaged} of {ended} trials are not what was written; {again}."
    old = f"; those of {unchecked} were written before there were checksums, and are not checked" if unchecked else ""
    return f"The records of {ended - unchecked} of {ended} trials are what was written, by their checksums{old}."


def _sampled(folder: Place, sample: str, seed: int) -> tuple[Row, list[Row], list[Row]]:
    """The stored plan, the rows of it to be trained again, and those of all trials that ended."""
    plan = plan_of(folder)
    if plan["code"] != training_code():
        raise Unverifiable("it was trained by other training code than this; check out the commit in provenance.json")
    store = Store(folder)
    ended = [row for row in plan["trials"] if store.result(row["id"], row["chain"])]
    if not ended:
        raise Unverifiable("no trial of it has ended yet")
    try:
        share = float(sample.removesuffix("%")) / 100 if sample.endswith("%") else None
        asked = int(sample) if share is None else share * len(ended) if share <= 1 else nan
    except ValueError:
        asked = nan
    if not 0 < asked < inf:
        raise Unverifiable(f"--sample {sample}: write a share or a number, such as 2% or 5")
    n = min(math.ceil(asked), len(ended))
    return plan, random.Random(seed).sample(ended, n), ended


def _compared(folder: Place, scratch: Path, plan: Row, row: Row) -> tuple[list[str], bool]:
    """Where a trial departs from what is stored when it is trained alone, and whether weights of it are stored."""
    store, alone = Store(folder), _trained(folder, scratch, plan, row)
    same = _same_weights(store, alone, row)
    return [*_differences(store, alone, row), *(["the last weights"] if same is False else [])], same is not None


def _trained(folder: Place, scratch: Path, plan: Row, row: Row) -> Store:
    """Train one trial in a store of its own.

    Raises Unverifiable, DataError, FileError, CheckpointError or OSError if what it was trained on or started from is
    not there any more.
    """
    store, alone = Store(folder), Store(scratch / "store")
    shutil.rmtree(scratch / "store", ignore_errors=True)
    health.establish(alone.folder)
    config = TrialConfig.model_validate(row["config"])
    sources = DatasetCache()
    if identify_splits(sources.fingerprint(config.data), config.data) != row["data"]:
        raise Unverifiable(f"{row['id']}: its data is other data now; put back the files that it was trained on")
    if row["kind"] == "trial" and row["ranks"]:
        write_atomic(alone.ranking(row["ranks"]), read_content(store.ranking(row["ranks"]), sys.maxsize))
    start = StartWeights.model_validate(row["start"]) if row["start"] else None
    if start and start.training:
        store.lend(start.content, alone)
    key, stop = identify_source(config.data), (store.result(row["id"], row["chain"]) or {}).get("stopped")
    Session(_job(alone, plan, row, start, key, stop), prepare_data(sources.loaded[key], config.data)).advance(inf)
    return alone


def _job(alone: Store, plan: Row, row: Row, start: StartWeights | None, source: str, stop: Row | None) -> Job:
    return Job(
        folder=str(alone.folder),
        trial=row["id"],
        config=row["config"],
        evaluation=plan["evaluate"],
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
    )


def _differences(store: Store, alone: Store, row: Row) -> Iterator[str]:
    """In its records."""
    for name in RECORDS:
        here, there = (_content(it.trial(row["id"]) / name) for it in (store, alone))
        if here != there:
            yield f"{name}{_where(store, alone, row['id']) if name == 'epochs.jsonl' else ''}"


def _same_weights(store: Store, alone: Store, row: Row) -> bool | None:
    """None where the last state is not stored: `keep` has forgotten it, or there was none."""
    stored, again = store.whole_state(row["chain"]), alone.whole_state(row["chain"])
    return _hash(stored.get("model")) == _hash(again.get("model")) if stored and again else None


def _content(path: Place) -> bytes | None:
    try:
        return read_content(path, sys.maxsize)
    except (FileNotFoundError, ValueError):  # which is a difference
        return None


def _where(store: Store, alone: Store, trial: str) -> str:
    pairs = zip(*(read_rows(it.trial(trial) / "epochs.jsonl") for it in (store, alone)), strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    return "" if first is None else f", from epoch {first} on"


def _hash(weights: Any) -> str:
    """Of tensors by name; what is none of these is equal to nothing that was trained."""
    hasher = sha256()
    try:
        for name in sorted(weights):
            hasher.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    except (TypeError, AttributeError, LookupError):
        return ""
    return hasher.hexdigest()


if __name__ == "__main__":
    exit_with(main)
