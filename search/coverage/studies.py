"""Simulated studies: whether any verdict is false at any look, what seeds they take, and how much values flatter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from search.coverage.worlds import World
from search.sampling.replication import ambiguous_on_front
from trainers.certificate.correction import correct_means
from trainers.certificate.dominance import dominates, find_front
from trainers.certificate.verdicts import Certificate, Family, certify, replay

PAIRS = 400_000  # of configurations compared at once: what fits a processor's cache best
CHANCE = 0.05  # of more errors than allowed where the error is exactly as stated
FEWEST_BY_BOXES = 2  # seeds with which the rule of two standard errors begins
ROUNDING = 1e-9  # points

MakeWorld = Callable[[np.random.Generator, int], World]  # the world of so many studies


class Cost(NamedTuple):
    """Seeds for each configuration on average, and shares of configurations by verdict."""

    certified: float
    uniform: float  # all configurations get seeds until none is open
    boxes: float  # the rule of two standard errors, `replicates: {min: 2, max: …}`
    boxes_wrong: float  # share of its studies whose front of means is not the true one
    on: float
    off: float
    within: float
    open: float


def allow_errors(studies: int, error: float) -> int:
    """Return the most studies with a false verdict that agree with the stated error: 62 of 1,000 at 5 %."""
    return next(k for k in range(studies + 1) if bdtr(k, studies, error) >= 1 - CHANCE)


def count_errors(make: MakeWorld, family: Family, studies: int, seed: int = 0) -> int:
    """Return in how many studies any verdict at any look is false, with seeds given as `until: certified` does."""
    errors = 0
    for world, values in draw_batches(make, family, studies, seed):
        wrong = np.zeros(len(values), dtype=bool)
        for found in replay(values, family, allocate=True):
            wrong |= find_false(found, world.means)
        errors += int(wrong.sum())
    return errors


def draw_batches(make: MakeWorld, family: Family, studies: int, seed: int = 0) -> Iterator[tuple[World, np.ndarray]]:
    """Yield the seeds of all studies in batches, each with its world."""
    rng = np.random.default_rng(seed)
    batch = max(1, PAIRS // family.configurations**2)
    for start in range(0, studies, batch):
        size = min(batch, studies - start)
        world = make(rng, size)
        yield world, world.draw(size, family.most, rng)


def find_false(found: Certificate, means: np.ndarray) -> np.ndarray:
    """Return which studies state anything false of the true means: on, off, within, or a distance."""
    lead = (means[None, :] - means[:, None]).min(axis=-1)  # [i, j]: by how much j leads i in every objective
    np.fill_diagonal(lead, -np.inf)
    dominated, behind = dominates(means, means).any(axis=0), lead.max(axis=1)
    too_far = (means[None, :] - means[:, None] - np.array(found.family.tolerance)).min(axis=-1)
    np.fill_diagonal(too_far, -np.inf)
    false = (found.on & dominated) | (found.off & ~dominated)
    false |= found.within & (too_far.max(axis=1) >= -ROUNDING)
    false |= found.judged & (found.distance < behind - ROUNDING)
    return np.asarray(false.any(axis=-1))


def measure_cost(make: MakeWorld, family: Family, studies: int, seed: int = 0) -> Cost:
    """Return what certified verdicts cost beside seeds for all alike and beside the rule of two standard errors.

    NaN if no study reaches a look.
    """
    parts = []
    for world, values in draw_batches(make, family, studies, seed):
        found = certify(values, family, allocate=True)
        if found is None:
            continue
        boxes = [_give_by_boxes(study) for study in values]
        front = find_front(world.means)
        wrong = [
            any(find_front(np.array([study[i, :n].mean(axis=0) for i, n in enumerate(counts)])) != front)
            for study, counts in zip(values, boxes, strict=True)
        ]
        verdicts = (getattr(found, name).mean(axis=1) for name in ("on", "off", "within", "open"))
        uniform = _count_uniform(values, family)
        parts.append(
            np.stack([found.samples.seeds.mean(axis=1), uniform, np.mean(boxes, axis=1), np.array(wrong), *verdicts])
        )
    return Cost(*np.concatenate(parts, axis=1).mean(axis=1)) if parts else Cost(*[np.nan] * len(Cost._fields))


def _count_uniform(values: np.ndarray, family: Family) -> np.ndarray:
    """Return the seeds of each study if all configurations get seeds until none is open."""
    seeds = np.full(len(values), family.most)
    for found in replay(values, family):
        closed = ~found.open.any(axis=1)
        seeds = np.minimum(seeds, np.where(closed, found.samples.seeds.max(axis=1), family.most))
    return seeds


def _give_by_boxes(study: np.ndarray) -> list[int]:
    """Return the seeds of each configuration under the rule of two standard errors."""
    counts = [FEWEST_BY_BOXES] * len(study)
    while True:
        values = {str(i): study[i, :n].tolist() for i, n in enumerate(counts)}
        more = [int(name) for name in ambiguous_on_front(values) if counts[int(name)] < study.shape[1]]
        if not more:
            return counts
        for i in more:
            counts[i] += 1


def measure_optimism(make: MakeWorld, family: Family, studies: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much the members of the front of means read too high after certification: raw and corrected.

    Points, (2,) each, over all members of all studies; NaN where there are too few configurations to correct.
    """
    raw, corrected, members = np.zeros(2), np.zeros(2), 0
    for world, values in draw_batches(make, family, studies, seed):
        found = certify(values, family, allocate=True)
        posterior = correct_means(found.samples) if found else None
        if found is None or posterior is None:
            continue
        front = find_front(found.samples.means)
        raw += (found.samples.means - world.means)[front].sum(axis=0)
        corrected += (posterior.corrected - world.means)[front].sum(axis=0)
        members += int(front.sum())
    return (raw / members, corrected / members) if members else (np.full(2, np.nan), np.full(2, np.nan))
