"""The configurations that validation would select, by the objectives and constraints of the space."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.results.search_block import read_constraints
from analysis.results.sweep import Sweep
from trainers.knobs import parse_share
from trainers.objectives import SIGNS, measure_violation, non_dominated

SELECT = {"val_clean_acc": "val_x", "val_pgd_acc": "val_y"}  # the metrics that a search selects by -> column of points


def find_selected(points: pd.DataFrame, results: Sweep) -> np.ndarray:
    """Return which configurations are feasible and dominated by no other feasible one, (n,) bool."""
    kept = np.ones(len(points), dtype=bool)
    for constraint in read_constraints(results):
        values, bound = points[SELECT[constraint.metric]].to_numpy(float), float(parse_share(constraint.bound))
        kept &= measure_violation(values, constraint.sense, bound) <= 0
    objectives = results.plan.get("objectives") or dict.fromkeys(SELECT, "max")
    signed = [points[SELECT[name]] * SIGNS[direction] for name, direction in objectives.items()]
    values = np.stack([signed[0], signed[-1]], axis=1)  # a single objective counts twice: only the best stays
    return non_dominated(np.where(kept[:, None], values, np.nan))
