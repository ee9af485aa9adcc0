"""Checks of equal bits on the device at hand: trained twice, with and without sharing, killed and resumed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from search.doctor.check import Check, Conditions, describe_error, failed, passed
from search.doctor.methods import build_trainer, try_autoattack
from search.execution.failures import read_last_error_line
from search.execution.in_process_backend import InProcessBackend
from search.execution.sweep import Sweep
from search.planning.datasets import DatasetCache
from search.planning.planner import Planner
from search.schema.space import load_space
from search.soak.process import SweepProcess, count_epochs, hash_records
from search.store import health
from search.store.plan_file import load_plan, write_plan
from search.store.store import Store
from search.verify.comparison import compare_trial
from trainers.allocator import ALLOCATOR
from trainers.formatting import format_count, format_list
from trainers.record_io import Row
from trainers.terminal.console import Console

EPOCHS = 4
GEOMETRY = {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 3}}  # its trainings share their burn-in
FORKED = {f"gairat {lam}": GEOMETRY | {"weight": {"lam": lam, "burn_in": 2}} for lam in (1, -1)}
ALONE = ("fat", "trades")
ALONE_ON_GPU = (*ALONE, "gair-fat", "atta", "free-at", "iat", "mma")
CHILD = "import sys; from search.doctor.promises import train_sweep; train_sweep(sys.argv[1], sys.argv[2])"
KILLED_AT = 0.4  # of the epochs
PATIENCE = 600.0  # seconds; the section's own limit comes first
SAME_AGAIN, SHARED, KILLED = "trained twice", "shared or alone", "killed, resumed"


class Outcome(NamedTuple):
    """The result of a comparison: how many trainings were compared, and how each differs that does."""

    compared: int
    different: dict[str, str]


def check_promises(conditions: Conditions) -> Iterator[Check]:
    """Check that trainings have equal bits, without compiling."""
    yield from compare_sweeps(conditions, compiled=False)


def check_compiled(conditions: Conditions) -> Iterator[Check]:
    """Check that compiled trainings have equal bits, that all attacks run on them, and what compiling costs."""
    yield measure_compilation(conditions)
    yield try_autoattack(conditions, compiled=True)
    yield from compare_sweeps(conditions, compiled=True)


def build_space(cuda: bool, compiled: bool) -> Row:
    """Return a small sweep in which two trainings share their first epochs and others share nothing."""
    alone = {
        name: {"base": name} | ({"attack": {"epsilon": 0.1, "steps": 3}} if name in ALONE else {})
        for name in (ALONE_ON_GPU if cuda and not compiled else ALONE)
    }
    axes: dict[str, Any] = {"method": {"grid": FORKED | alone}}
    if cuda and not compiled:  # compiling takes seconds for each training
        axes["model"] = {"grid": ["digits_cnn", "preact_resnet18"]}
    return {
        "trial": {
            "data": {"name": "digits", "train": 144, "val": 64, "test": 64},  # two whole batches, and a quarter of one
            "model": "digits_cnn",
            "optimizer": {"lr": 0.05},
            "batch_size": 64,
            "epochs": EPOCHS,
            "compute": {"compile": compiled},
        },
        "resources": {"gpus": int(cuda)},
        "search": {"checkpoint_seconds": 0, "axes": axes},
        "evaluate": {
            "epsilon": 0.1,
            "steps": 2,
            "every": 2,
            "final": {"pgd20": {"name": "pgd", "steps": 2, "images": 32}},
        },
    }


def train_sweep(space: str, folder: str) -> None:
    """Train a space in this process, or carry on with it. Raises RuntimeError if a training has no result."""
    loaded, sources = load_space(Path(space), []), DatasetCache()
    plan, store, output = Planner(loaded, sources.fingerprint).plan(), Store(Path(folder)), StringIO()
    health.create_folders(store.folder)
    write_plan(store.folder, plan.to_json(Path(folder).name))
    sweep = Sweep(store, plan, loaded.space, sources, Console(file=output, width=1000), InProcessBackend())
    if sweep.run(""):
        errors = filter(None, (read_last_error_line(store, trial.id) for trial in plan.trials))
        raise RuntimeError(next(errors, output.getvalue().strip()))


def compare_sweeps(conditions: Conditions, compiled: bool) -> Iterator[Check]:
    """Train a sweep, the same sweep killed and resumed, and each of its trainings alone; compare the bits."""
    how = "compiled" if compiled else "eager"
    space = conditions.scratch / "space.yaml"
    space.write_text(yaml.safe_dump(build_space(conditions.cuda, compiled), sort_keys=False))
    whole, killed = (conditions.scratch / name for name in ("whole", "killed"))
    try:
        train_sweep(str(space), str(whole))
        plan = load_plan(whole)
        shares = {row["id"]: bool(row["forks"] or row["branch"][1]) for row in plan["trials"]}
        alone = compare_alone(whole, conditions.scratch, plan)
        for name, shared in ((SAME_AGAIN, False), (SHARED, True)):
            trials = [trial for trial in shares if shares[trial] == shared]
            outcome = Outcome(len(trials), {trial: alone[trial] for trial in trials if trial in alone})
            yield judge(name, how, outcome)
        total = plan["epochs"]["distinct"]
        kill_and_resume(space, killed, conditions.scratch / "process", round(KILLED_AT * total))
        yield judge(KILLED, how, compare_records(whole, killed, plan))
    except (AssertionError, RuntimeError, subprocess.TimeoutExpired) as error:
        yield failed(f"sweep, {how}", describe_error(error), "a small sweep that trains to its end",
                     "mend what the message names; earlier sections may say more")  # fmt: skip


def compare_alone(sweep: Path, scratch: Path, plan: Row) -> dict[str, str]:
    """Train each training again alone and from scratch. Return how each differs that does."""
    found = {row["id"]: compare_trial(sweep, scratch, plan, row)[0] for row in plan["trials"]}
    return {trial: " and ".join(differences) for trial, differences in found.items() if differences}


def kill_and_resume(space: Path, folder: Path, scratch: Path, epochs: int) -> None:
    """Train a sweep in a process, kill it after that many epochs, and carry on in another process.

    Raises AssertionError if it ends too early or has a traceback, and RuntimeError if it fails.
    """
    for is_last in (False, True):
        driver = SweepProcess(space, folder, scratch=scratch, program=("-c", CHILD), **ALLOCATOR)
        try:
            if not is_last:
                driver.wait_until(lambda: count_epochs(folder) >= epochs, PATIENCE)
                driver.kill(workers=True)
            elif driver.wait(PATIENCE):
                raise RuntimeError((driver.raw_output.strip().splitlines() or ["it says nothing"])[-1])
        finally:
            driver.close()


def compare_records(whole: Path, killed: Path, plan: Row) -> Outcome:
    """Compare the records of two folders of the same sweep."""
    ours, others = hash_records(whole), hash_records(killed)
    different: dict[str, str] = {}
    for path in sorted(ours.keys() | others.keys()):
        if ours.get(path) != others.get(path):
            _, trial, name = path.split("/", 2)
            different[trial] = f"{different[trial]} and {name}" if trial in different else name
    return Outcome(len(plan["trials"]), different)


def judge(name: str, how: str, outcome: Outcome) -> Check:
    """Check that the trainings of a comparison have equal bits."""
    compared, different = outcome
    check, trainings = f"{name}, {how}", format_count(compared, "training")
    if not different:
        return passed(check, f"{trainings}: equal records and weights, bit for bit", compared=compared)
    shown = format_list([f"{trial} ({why})" for trial, why in different.items()], 2)
    remedy = (
        "set trial.compute.compile: false"
        if how == "compiled"
        else "set trial.compute.deterministic: true in every space, and update torch, cuDNN or the driver"
    )
    consequence = {
        SAME_AGAIN: "until then no result of this device can be verified",
        SHARED: "until then results depend on what a sweep shares",
        KILLED: "until then a sweep must not be resumed here",
    }
    return failed(check, f"{len(different)} of {trainings} differ: {shown}", "equal bits",
                  f"{remedy}; {consequence[name]}", different=different, compared=compared)  # fmt: skip


def measure_compilation(conditions: Conditions, clock: Callable[[], float] = time.perf_counter) -> Check:
    """Measure the time to the end of the first epoch of a compiled training and of the next one of its kind."""
    began, seconds = clock(), []
    try:
        for _ in range(2):
            trainer = build_trainer(conditions.device, "pgd-at", compiled=True, threads=conditions.threads)
            trainer.run_epoch(trainer.config.stage(0))
            seconds.append(clock() - began)
            began = clock()
    except Exception as error:  # of any kind: compilers fail in many ways
        return failed("compiling", describe_error(error), "compiled trainings, the default on a GPU",
                      "set trial.compute.compile: false")  # fmt: skip
    first, again = seconds
    return passed("compiling", f"first epoch after {first:.1f} s, of the next training of its kind after {again:.1f} s",
                  first=first, next=again)  # fmt: skip
