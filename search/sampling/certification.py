"""Certified seeds: further seeds for each configuration whose verdict is open, and for those that keep it open."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from search.pareto import to_maximise
from search.schema.limits import MAX_SEEDS
from search.schema.replicates import CertifiedReplicates
from search.store.store import Store
from trainers.best import CLEAN, ROBUST
from trainers.certificate.assessment import Assessment, assess_means
from trainers.certificate.looks import list_looks
from trainers.certificate.verdicts import TOLERANCE, Family, certify
from trainers.certificate.words import describe_fronts
from trainers.problems import identify_problem, title_problems
from trainers.record_io import Row
from trainers.records import find_constant_class

if TYPE_CHECKING:
    from search.schema.blocks import Search

OBJECTIVES = {CLEAN: "clean", ROBUST: "robust"}  # in sentences
POINTS = 100.0  # accuracies are in [0, 1]
Results = Mapping[str, Mapping[int, Row | None]]  # configuration -> seed -> its result.json


def next_certified_seeds(
    search: Search, results: Results, problems: Mapping[str, str], configurations: int
) -> list[tuple[str, int]]:
    """Return the seeds that take the open configurations, and those that keep them open, to the next look.

    Called once all planned trainings have ended: a configuration with a seed that failed for good is left out.
    `problems` names the problem of each configuration, within which it is compared; `configurations` is the number of
    all that are planned or will be drawn. Empty if `replicates` asks for no certificate, or when the search is done.
    """
    if not isinstance(search.replicates, CertifiedReplicates):
        return []
    found: list[tuple[str, int]] = []
    for names in group_by_problem(results, problems):
        ended = {name: results[name] for name in names if all(row is not None for row in results[name].values())}
        certificate = certify(collect_values(search, ended), build_family(search, configurations), allocate=True)
        if certificate is None:
            continue
        later = [n for n in list_looks(search.replicates.max) if n > certificate.samples.seeds.max()]
        for name, wanting in zip(ended, certificate.wanting, strict=True):
            if wanting and later:
                found += [(name, seed) for seed in range(later[0]) if seed not in results[name]]
    return found


def describe_stored_front(search: Search, plan: Row, store: Store) -> list[str]:
    """Return what the seeds of a stored sweep say of the validation front of each problem, in sentences."""
    fronts = [(title, found) for title, _, found in assess_stored_fronts(search, plan, store)]
    results, _ = read_stored_results(plan, store)
    complete = all(row is not None for seeds in results.values() for row in seeds.values())
    return describe_fronts(fronts, search.certifies, complete)


def assess_stored_fronts(search: Search, plan: Row, store: Store) -> Iterator[tuple[str, list[str], Assessment]]:
    """Yield the title of each problem of a stored sweep, its configurations, and what their seeds say of its front.

    The front is that of the means over seeds that did not collapse; a title is empty if there is one problem.
    """
    results, problems = read_stored_results(plan, store)
    titles = title_problems(problems.values())
    family = build_family(search, max(len(results), search.trials or 0))
    for names in group_by_problem(results, problems):
        values = collect_values(search, {name: results[name] for name in names})
        yield titles[problems[names[0]]], names, assess_means(values, family, search.certifies)


def read_stored_results(plan: Row, store: Store) -> tuple[dict[str, dict[int, Row | None]], dict[str, str]]:
    """Return the results of each configuration of a plan, by seed, and the problem of each configuration."""
    results: dict[str, dict[int, Row | None]] = defaultdict(dict)
    problems: dict[str, str] = {}
    for row in plan["trials"]:
        if row["kind"] == "trial":
            results[row["configuration"]][row["replicate"]] = store.read_result(row["id"], row["chain"])
            problems.setdefault(row["configuration"], identify_problem(row["config"]))
    return results, problems


def group_by_problem(results: Results, problems: Mapping[str, str]) -> list[list[str]]:
    """Return the configurations of each problem."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in results:
        groups[problems[name]].append(name)
    return list(groups.values())


def build_family(search: Search, configurations: int) -> Family:
    """Return the statements that are right together, as `replicates` asks, or by default."""
    replicates, names = search.replicates, tuple(OBJECTIVES[metric] for metric in search.objectives)
    if not isinstance(replicates, CertifiedReplicates):
        return Family(configurations, (TOLERANCE,) * len(search.objectives), most=MAX_SEEDS, objectives=names)
    tolerance = replicates.tolerance
    each = tolerance if isinstance(tolerance, dict) else dict.fromkeys(search.objectives, tolerance)
    points = tuple(each[metric] for metric in search.objectives)
    return Family(configurations, points, replicates.error, replicates.max, objectives=names)


def collect_values(search: Search, results: Results) -> np.ndarray:
    """Return the objectives of all seeds in points, (configurations, seeds, objectives), higher is better.

    Seeds stand in their order up to the first that has no result, and NaN follows. A seed that diverged, was not
    measured, or predicts one class for every image, is −inf: it counts as collapsed.
    """
    rows = [_read_seeds(search, [seeds[seed] for seed in sorted(seeds)]) for seeds in results.values()]
    most = max(map(len, rows), default=0)
    values = np.full((len(rows), most, len(search.objectives)), np.nan)
    for row, seeds in zip(values, rows, strict=True):
        row[: len(seeds)] = np.reshape(seeds, (len(seeds), len(search.objectives)))
    return values


def _read_seeds(search: Search, results: Sequence[Row | None]) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    for result in results:
        if result is None:
            break
        measured = result.get(search.checkpoint) or {}
        values = {name: POINTS * float(measured.get(name, math.nan)) for name in search.objectives}
        alive = result["status"] == "completed" and find_constant_class(result, search.checkpoint) is None
        whole = alive and all(map(math.isfinite, values.values()))
        found.append(to_maximise(values, search.objectives) if whole else (-math.inf,) * len(values))
    return found
