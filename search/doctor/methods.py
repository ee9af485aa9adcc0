"""Checks that every method trains, is measured and ends on this device, with deterministic kernels; and its waits."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch

from search.doctor.check import Check, Conditions, describe_error, failed, passed
from trainers.attack_runs import AutoAttackRun, NamedAttack, PGDAttack
from trainers.bench_time import Case
from trainers.config import Compute
from trainers.evaluate import Evaluation
from trainers.formatting import format_count, format_list
from trainers.methods import METHODS
from trainers.models import MODELS
from trainers.trainer import Trainer

STEPS = 2  # of an epoch
MAX_SHOWN = 3  # failures and lines that are named; `values` has all
PGD: dict[str, NamedAttack] = {"pgd20": PGDAttack(steps=2, restarts=2, keep="worst", images=16)}
# FAB goes back through one graph several times, which a compiled network may refuse
AUTO: dict[str, NamedAttack] = {
    "auto": AutoAttackRun(version="custom", attacks=("apgd-ce", "fab", "square"), images=10)
}
Waits = Mapping[str, Counter[str]]  # by method: how often a line of code waited for the GPU


def check_methods(conditions: Conditions) -> Iterator[Check]:
    """Check every method in an epoch, a measurement and its end, without compiling."""
    yield from try_methods(conditions, METHODS)
    yield try_autoattack(conditions, compiled=False)


def build_trainer(device: str, method: str, compiled: bool, threads: int = 1) -> Trainer:
    """Return a trainer of a small network on random images, measured after every epoch and attacked at the end."""
    compute = Compute(device=device, compile=compiled).resolved(device == "cuda")  # type: ignore[arg-type]
    if device == "cuda":
        case = Case(MODELS["small_cnn"], 64, 3, 32, compute, threads)
    else:
        case = Case(MODELS["digits_cnn"], 16, 1, 8, compute, threads)
    trainer = case.trainer(method, STEPS)
    trainer.evaluation = Evaluation(steps=2, final=PGD)
    return trainer


def try_autoattack(conditions: Conditions, compiled: bool) -> Check:
    """Check that the attacks of AutoAttack run on a network that was trained here."""
    how = "compiled" if compiled else "eager"
    began = time.perf_counter()
    try:
        trainer = build_trainer(conditions.device, "standard", compiled, conditions.threads)
        trainer.evaluation = Evaluation(steps=2, final=AUTO)
        trainer.run_epoch(trainer.config.stage(0))
        trainer.final()
    except Exception as error:  # of any kind, as any of the attacks may raise it
        return failed(
            f"AutoAttack, {how}", describe_error(error), "all attacks of AutoAttack at the end of a training",
            "set trial.compute.compile: false, or leave AutoAttack out of evaluate.final" if compiled
            else "leave AutoAttack out of evaluate.final, and report the message",
        )  # fmt: skip
    seconds = time.perf_counter() - began
    return passed(f"AutoAttack, {how}", "APGD, FAB and Square ran", seconds=seconds)


def try_methods(conditions: Conditions, methods: Iterable[str]) -> Iterator[Check]:
    """Train an epoch with each method, measure it and end it; on a GPU also count where the host waits."""
    began, wrong, waits, names = time.perf_counter(), {}, {}, list(methods)
    for name in names:
        try:
            trainer = build_trainer(conditions.device, name, compiled=False, threads=conditions.threads)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                _set_sync_warnings(conditions.cuda, "warn")
                try:
                    trainer.run_epoch(trainer.config.stage(0))
                finally:
                    _set_sync_warnings(conditions.cuda, "default")
            waits[name] = Counter(_locate(warning) for warning in caught if "synchroniz" in str(warning.message))
            trainer.final()
        except Exception as error:  # of any kind: the others are tried nevertheless
            wrong[name] = describe_error(error)
    yield judge_methods(len(names), wrong, time.perf_counter() - began)
    if conditions.cuda:
        yield describe_waits(waits)


def judge_methods(tried: int, wrong: Mapping[str, str], seconds: float) -> Check:
    """Check that no method failed; `wrong` maps those that did to their errors."""
    if not wrong:
        return passed("all methods", f"{tried} train, are measured and end with their final attacks", methods=tried,
                      seconds=seconds)  # fmt: skip
    shown = format_list([f"{name}: {why}" for name, why in wrong.items()], MAX_SHOWN)
    return failed(
        "all methods", f"{format_count(len(wrong), 'method')} of {tried} failed: {shown}", "methods that train here",
        "leave these out of a space on this machine, and report the message with the versions above", wrong=dict(wrong),
    )  # fmt: skip


def describe_waits(waits: Waits) -> Check:
    """Report the lines of code at which the host waits for the GPU, which keep it from being busy."""
    lines: Counter[str] = Counter()
    for counter in waits.values():
        lines.update(counter)
    each = sum(lines.values()) / max(1, len(waits))
    shown = format_list([f"{line} ({count})" for line, count in lines.most_common(MAX_SHOWN)], MAX_SHOWN)
    found = f"{each:.3g} an epoch of {STEPS} steps with its measurement, mean of {format_count(len(waits), 'method')}"
    return passed("waits for the GPU", f"{found}: {shown}" if shown else found,
                  waits={name: dict(counter) for name, counter in waits.items()})  # fmt: skip


def _set_sync_warnings(cuda: bool, mode: str) -> None:
    """Let torch warn where the host waits for a GPU."""
    if cuda:
        torch.cuda.set_sync_debug_mode(mode)


def _locate(warning: warnings.WarningMessage) -> str:
    return f"{Path(warning.filename).name}:{warning.lineno}"
