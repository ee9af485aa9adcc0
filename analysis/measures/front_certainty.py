"""What the seeds of a panel say of its front: who is surely on it, and values corrected for selection.

Test accuracies describe and never select, so that these verdicts are a family of their own beside those of validation,
by which a search may have given its seeds. All configurations with as many seeds as a look take part in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.measures.stats import POINTS
from analysis.results.metrics import shorten_metric
from analysis.results.search_block import read_search_block
from analysis.results.shared_trainings import IDENTITY
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, DIVERGED, mark_constant
from trainers.certificate.assessment import Assessment, assess_front
from trainers.certificate.verdicts import ERROR, TOLERANCE, Family
from trainers.knobs import parse_number, parse_share

VALIDATION = ("val_clean_acc", "val_pgd_acc")  # of which a tolerance may be given: clean and robust
MOST = 10_000  # seeds: all that there are count


def asks_for_certificate(results: Sequence[Sweep]) -> bool:
    """Return whether a sweep gave seeds until verdicts were sure."""
    return any(_read_request(sweep) for sweep in results)


def read_family(results: Sequence[Sweep], configurations: int, metrics: Sequence[str]) -> Family:
    """Return the statements that are right together, with the tolerance and error that a sweep asks for, or default.

    They are about two test metrics, which sentences name as columns do.
    """
    request: dict = next(filter(None, map(_read_request, results)), {})
    tolerance = request.get("tolerance", TOLERANCE)
    each = tolerance if isinstance(tolerance, dict) else dict.fromkeys(VALIDATION, tolerance)
    points = tuple(float(parse_number(each.get(name, TOLERANCE))) for name in VALIDATION)
    attacks = {name: text for sweep in results for name, text in sweep.attacks.items()}
    names = tuple(shorten_metric(metric, attacks) for metric in metrics)
    error = float(parse_share(request.get("error", ERROR)))
    return Family(configurations, points, error, MOST, objectives=names)


def _read_request(sweep: Sweep) -> dict:
    """Return what the space asks of a certificate; empty if it asks for none."""
    replicates = read_search_block(sweep).get("replicates")
    return replicates if isinstance(replicates, dict) and replicates.get("until") == "certified" else {}


def collect_seeds(trials: pd.DataFrame, points: pd.DataFrame, checkpoints: Sequence[str]) -> np.ndarray:
    """Return the accuracies of all seeds in points, (configurations, seeds, 2).

    Those of `points` come first and in their order, and then those without one, of which no seed completed yet.
    `trials` has x and y, a row a seed. NaN: no such seed. −inf: a seed that diverged or, at one of the
    checkpoints, names one class for all; it counts as collapsed.
    """
    ended = trials[trials["status"].isin((COMPLETED, DIVERGED))].sort_values("replicate", kind="stable")
    gone = (ended["status"] == DIVERGED) | mark_constant(ended, checkpoints)
    values = (POINTS * ended[["x", "y"]]).mask(gone, -math.inf)
    values = values[values.notna().all(axis=1)]
    keys = ended.loc[values.index]
    seeds = {key: rows.to_numpy(float) for key, rows in values.groupby([keys[name] for name in IDENTITY])}
    planned = pd.concat([points[IDENTITY], trials[IDENTITY]]).drop_duplicates()
    rows = [seeds.get(key, np.empty((0, 2))) for key in planned.itertuples(index=False, name=None)]
    found = np.full((len(rows), max(map(len, rows), default=0), 2), np.nan)
    for row, of_one in zip(found, rows, strict=True):
        row[: len(of_one)] = of_one
    return found


def assess_points(values: np.ndarray, family: Family, points: pd.DataFrame) -> Assessment:
    """Assess the front of some points by the values of their seeds; see `collect_seeds`."""
    on_front = np.zeros(len(values), dtype=bool)
    on_front[: len(points)] = points["on_front"]
    return assess_front(values, family, on_front)
