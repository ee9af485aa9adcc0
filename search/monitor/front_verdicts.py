"""What the seeds of a sweep say of its validation front at the selected epoch, by the records its status has read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from search.monitor.trial_progress import FINAL
from trainers.best import CLEAN, ROBUST

if TYPE_CHECKING:
    import numpy as np

    from search.monitor.sweep_status import TrainingStatus
    from trainers.certificate.verdicts import Family

METRICS = (CLEAN, ROBUST)
POINTS = 100.0
COLLAPSED = (-math.inf, -math.inf)  # diverged, or one class for every image
Seeds = list[tuple[float, float]]  # of a configuration, clean and robust, in points


def describe_front(trainings: Iterable[TrainingStatus], replicates: Any) -> list[str]:
    """Return what is sure of the front of each problem, in sentences; nothing as long as all have one seed.

    `replicates` is that key of the stored space, as written: of a sweep that gives seeds until verdicts are sure it
    has the tolerance and the error.
    """
    problems: dict[str, dict[str, Seeds]] = defaultdict(dict)
    stopped: set[str] = set()  # configurations with a seed that has no result yet: later ones wait for it
    for planned, _, progress in trainings:
        if planned.kind != "trial":
            continue
        seeds = problems[planned.problem].setdefault(planned.configuration, [])
        if progress.status not in FINAL:
            stopped.add(planned.configuration)
        elif planned.configuration not in stopped:
            found = progress.best
            alive = progress.status == "completed" and not progress.constant and None not in map(found.get, METRICS)
            seeds.append((POINTS * found[CLEAN], POINTS * found[ROBUST]) if alive else COLLAPSED)
    if max((len(seeds) for found in problems.values() for seeds in found.values()), default=0) < 2:
        return []
    request = replicates if isinstance(replicates, Mapping) and replicates.get("until") == "certified" else {}
    family = _read_family(request, sum(map(len, problems.values())))
    seeds_of = {title: list(found.values()) for title, found in problems.items()}
    return _describe_problems(seeds_of, family, asks=bool(request), complete=not stopped)


def _describe_problems(problems: Mapping[str, list[Seeds]], family: Family, asks: bool, complete: bool) -> list[str]:
    from trainers.certificate.assessment import assess_means
    from trainers.certificate.words import describe_fronts

    fronts = [(title, assess_means(_stack_seeds(seeds), family, asks)) for title, seeds in problems.items()]
    return describe_fronts(fronts, asks, complete)


def _stack_seeds(seeds: list[Seeds]) -> np.ndarray:
    """Stack the accuracies of configurations, (configurations, seeds, 2); NaN where one has fewer seeds."""
    import numpy as np

    values: np.ndarray = np.full((len(seeds), max(map(len, seeds)), 2), np.nan)
    for row, of_one in zip(values, seeds, strict=True):
        row[: len(of_one)] = np.reshape(of_one, (len(of_one), 2))
    return values


def _read_family(request: Mapping[str, Any], configurations: int) -> Family:
    from trainers.certificate.verdicts import Family

    if not request:
        return Family(configurations, most=10_000)
    from trainers.knobs import parse_number, parse_share

    plain = Family(configurations)
    tolerance = request.get("tolerance", plain.tolerance[0])
    each = tolerance if isinstance(tolerance, Mapping) else dict.fromkeys(METRICS, tolerance)
    points = tuple(float(parse_number(each.get(name, plain.tolerance[0]))) for name in METRICS)
    return Family(configurations, points, float(parse_share(request.get("error", plain.error))), request.get("max", 20))
