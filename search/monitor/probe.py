"""Estimate the costs of trainings that have no comparable record, from a few training steps timed on this machine.

The steps of one training of each network are timed on random images of the size of the data. Their seconds for each
counted FLOP (trainers.bench_cost), times the FLOPs of a training and of its measurements, give an estimate of its
costs on a machine that does nothing else. The gain of torch.compile, and the costs of diagnostics and of further
measurements by example, are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch

from search.monitor.cost_model import Costs
from search.planning.plan import Plan, PlannedTrial
from trainers.attack_runs import AutoAttackRun
from trainers.bench_cost import Clock, Flops, counted
from trainers.bench_time import Case
from trainers.config import TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation, NamedAttack
from trainers.methods import METHODS, AnyMethod
from trainers.passes import Passes
from trainers.trainer import Trainer

STEPS_SECONDS = 1.0  # a larger batch is timed only if it is expected to take no longer
WARM_SECONDS = 0.5  # of processor time, of which loading kernels is a small part
ALL_SECONDS = 3.0  # further networks have the pace of those that were timed by then
FIRST_BATCH = 2  # images; BatchNorm on maps of one pixel needs two
LOOK = Passes(forwards=1)
STEP = Passes(forwards=1, backwards=1)  # of an attack, at one image
STANDARD = ("apgd-ce", "apgd-t", "fab-t", "square")


class Network(NamedTuple):
    """A network on images of a size, and how it is trained: all that the pace of a training depends on."""

    case: Case
    flops: Flops


def probe_costs(plan: Plan, trials: Iterable[PlannedTrial], datas: Mapping[str, Data]) -> dict[str, Costs]:
    """Estimate the costs of whole trainings, by configuration; those that this machine cannot train are left out.

    `datas` maps the identity of each data block to its splits, as far as they are loaded.
    """
    known = {trial.configuration: trial for trial in trials if trial.data in datas and _can_train(trial.config)}
    networks = {name: _find_network(trial.config, datas[trial.data], plan.threads) for name, trial in known.items()}
    paces: dict[Case, float] = {}
    ends = time.monotonic() + ALL_SECONDS
    for name in sorted(known, key=lambda name: -count_visit_flops(known[name].config, networks[name].flops)):
        case = networks[name].case
        if case not in paces:  # the costliest training of a network is the one that is timed
            is_late = paces and time.monotonic() > ends
            paces[case] = max(paces.values()) if is_late else time_flop(known[name].config, networks[name])
    return {
        name: estimate_costs(trial.config, plan.evaluation, datas[trial.data], networks[name].flops).scaled(
            paces[networks[name].case]
        )
        for name, trial in known.items()
    }


def _can_train(config: TrialConfig) -> bool:
    return config.compute.device == "cpu" or torch.cuda.is_available()


def _find_network(config: TrialConfig, data: Data, threads: int) -> Network:
    channels, size = data.train.x.shape[1:3]
    compute = config.compute.model_copy(update={"compile": False})  # compiling takes minutes
    case = Case(config.model, min(config.batch_size, len(data.train)), channels, size, compute, threads)
    return Network(case, counted(config.model, channels, size))


def count_visit_flops(config: TrialConfig, flops: Flops) -> float:
    """Count the FLOPs of one visit of a training example, the mean over all epochs."""
    return count_flops(config.mean_passes(), flops, config.method.graphs)


def count_flops(passes: Passes, flops: Flops, graphs: int = 1) -> float:
    """Count the FLOPs of passes; the backward pass of an update goes back to the weights through `graphs` forwards."""
    to_input = (passes.backwards - passes.updates) * flops.to_input
    return passes.forwards * flops.forward + to_input + graphs * passes.updates * flops.to_weights


def time_flop(config: TrialConfig, network: Network) -> float:
    """Return the seconds for each FLOP of a training at its batch, or what smaller ones say of it if that takes long.

    Each step has a cost of its own beside that of its images, so that FLOPs of small batches are slow. Standard
    training, the cheapest, is timed at growing batches; the method is timed at the largest batch that takes a moment.
    """
    case, flops = network
    clock = Clock(torch.device(str(case.compute.device)), case.threads)
    standard, method = METHODS["standard"], config.method.at(config.epochs - 1, config.epochs)

    def count_step(acting: AnyMethod, batch: int) -> float:
        return count_flops(acting.passes(), flops, acting.graphs) * batch

    times: dict[int, float] = {}  # batch -> seconds of a step of standard training
    batch = min(FIRST_BATCH, case.batch)
    while batch not in times and (not times or extrapolate(times, batch) <= STEPS_SECONDS):
        times[batch] = _time_step(case._replace(batch=batch).trainer(standard, 1), clock)
        batch = min(2 * batch, case.batch)
    expected = {
        size: extrapolate(times, size) / count_step(standard, size) * count_step(method, size)
        for size in (*times, case.batch)
    }
    pace = expected[case.batch] / count_step(method, case.batch)
    timed = [size for size, seconds in expected.items() if seconds <= STEPS_SECONDS]
    if not timed:
        return pace
    steps = 4 if 4 * expected[max(timed)] <= STEPS_SECONDS else 1
    found = _time_step(case._replace(batch=max(timed)).trainer(method, steps), clock) / steps
    return pace * found / expected[max(timed)]


def extrapolate(times: Mapping[int, float], batch: int) -> float:
    """Return the seconds of a step: as timed, on the line through two batches or more, or in proportion to one."""
    if batch in times:
        return times[batch]
    small, large = min(times), max(times)
    if small == large:
        return times[large] * batch / large
    slope = max(times[large] - times[small], 0.0) / (large - small)
    return times[large] + slope * (batch - large)


def _time_step(trainer: Trainer, clock: Clock) -> float:
    """Time an epoch of a few steps: a second one, as torch loads its kernels in the first, which may take seconds.

    On a CPU a first that is long is mostly computing, and is not repeated.
    """
    seconds = clock.time(partial(_train_epoch, trainer))
    is_enough = clock.device.type == "cpu" and seconds > WARM_SECONDS
    return seconds if is_enough else clock.time(partial(_train_epoch, trainer))


def _train_epoch(trainer: Trainer) -> None:
    trainer.run_epoch(trainer.config.stage(trainer.epoch))


def estimate_costs(config: TrialConfig, evaluation: Evaluation, data: Data, flops: Flops) -> Costs:
    """Return the FLOPs of a whole training, in place of its seconds.

    Those of attacks that measure are an upper bound, as if no image were ever misclassified.
    """
    train, val, test = len(data.train), len(data.val), len(data.test)
    visits = train * (config.subset.fraction(train) or 1.0)
    curves = evaluation.pgd().passes() + LOOK + LOOK  # of a split: under attack, and clean
    measured = [epoch for epoch in range(config.epochs) if evaluation.due(epoch, config.epochs)]
    epoch_passes = curves * (val + test + evaluation.train * visits) + LOOK * visits
    along = [
        count_attack_passes(attack, evaluation, data)
        for epoch in measured
        for attack in evaluation.due_along(epoch, config.epochs).values()
    ]
    final = [count_attack_passes(attack, evaluation, data) for attack in evaluation.final.values()]
    checkpoints = 2 if val else 1  # the last, and the one that validation selects
    return Costs(
        epochs=config.epochs,
        train=config.epochs * visits * count_visit_flops(config, flops),
        evaluate=count_flops(sum(along, epoch_passes * len(measured)), flops),
        final=checkpoints * count_flops(sum(final, curves * test), flops),
        final_evaluations=1,
        evaluations=len(measured),
    )


def count_attack_passes(attack: NamedAttack, evaluation: Evaluation, data: Data) -> Passes:
    """Count the passes of an attack on the test images, at most."""
    images = min(attack.images or len(data.test), len(data.test))
    if not isinstance(attack, AutoAttackRun):
        return (attack.build(evaluation.epsilon, evaluation.norm).passes() + LOOK) * images
    return count_autoattack_run(attack, data.classes) * images


def count_autoattack_run(attack: AutoAttackRun, classes: int) -> Passes:
    """Count the passes of an AutoAttack on an image, at most: if it withstands all of its attacks."""
    names = attack.attacks or STANDARD
    return sum((count_autoattack_passes(name, attack.restarts, classes) for name in names), LOOK)


def count_autoattack_passes(name: str, restarts: int, classes: int) -> Passes:
    """Count the passes of one attack of AutoAttack on an image, at most (Croce & Hein 2020, arXiv:2003.01690).

    APGD and FAB make 100 iterations, the targeted ones toward each of at most 9 classes; Square asks 5,000 times.
    """
    targets = min(9, classes - 1)
    return {
        "apgd-ce": STEP * 100 * restarts,
        "apgd-dlr": STEP * 100 * restarts,
        "apgd-t": STEP * 100 * targets,
        "fab": (LOOK + Passes(backwards=classes)) * 100,
        "fab-t": (LOOK + STEP) * 100 * targets,
        "square": LOOK * 5000,
    }[name]
