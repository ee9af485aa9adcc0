"""What overfitting costs each configuration, and how large that would look if there were none.

`robust_overfitting` (Rice, Wong and Kolter 2020, arXiv:2002.11569) is the best minus the last robust test
accuracy. A maximum over noisy evaluations, it is never negative, and positive for a curve that is flat: that
much is its *floor*. `robust_overfitting_val` uses the epoch chosen on validation instead; it has no floor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.metrics import EPOCH_METRIC
from analysis.results import COMPLETED, DIVERGED, Results
from analysis.stats import estimate

FEWEST, ENOUGH = 3, 12  # second differences: below the first, scatter is anyone's guess
DROP = 0.5  # a learning rate that falls to this share or less within one evaluation has dropped
QUANTITIES = {
    "peak": f"peak_{EPOCH_METRIC}",  # best over the evaluations on test
    "selected": f"best_{EPOCH_METRIC}",  # at the epoch chosen on validation
    "last": f"last_{EPOCH_METRIC}",
    "robust_overfitting": "robust_overfitting",
    "robust_overfitting_val": "robust_overfitting_val",
    "generalization_gap": "generalization_gap",
    "clean_generalization_gap": "clean_generalization_gap",
}
CONTEXT = ("configuration", "name", "choice", "setting", "family", "subset_label", "subset_kind")


class Curve(NamedTuple):
    """Robust test accuracy along one trial."""

    accuracy: np.ndarray  # (T,)
    lr: np.ndarray  # (T,)


def overfitting(results: Results) -> pd.DataFrame:
    """One row a configuration: each quantity's mean over completed seeds, its `_se`, and the floor."""
    curves = _test_curves(results)
    sweep = results.sweep
    done = sweep[sweep["status"] == COMPLETED]
    pooled = {setting: _of(curves, group["id"]) for setting, group in done.groupby("setting")}
    rows = []
    for _, group in sweep.groupby("configuration", sort=False):
        seeds, first = group[group["status"] == COMPLETED], group.iloc[0]
        row = {column: first[column] for column in CONTEXT} | {"n": len(seeds)}
        row["diverged"] = int((group["status"] == DIVERGED).sum())
        row["constant"] = int(seeds[["best_constant", "last_constant"]].notna().any(axis=1).sum())
        for name, column in QUANTITIES.items():
            found = estimate(seeds.get(column, []))
            row |= {name: found.mean, f"{name}_se": found.se}
        row["floor"] = floor(_of(curves, seeds["id"]), pooled.get(first["setting"], []))
        rows.append(row)
    return pd.DataFrame(rows)


def floor(curves: Sequence[Curve], others: Sequence[Curve] = ()) -> float:
    """The best-minus-last to expect of a flat curve with the scatter of these, averaged over the curves.

    For T independent normal evaluations of equal mean, E[max - last] = s E[max of T standard normals]. Where
    neighbouring evaluations agree by more than their trend, s is too small and this is a lower bound. Curves that
    tell too little of their scatter borrow that of `others`, all those of the same setting.
    """
    bent = bends(curves)
    s = scatter(bent if len(bent) >= ENOUGH else bends([*curves, *others]))
    return float(np.mean([s * expected_maximum(len(c.accuracy)) for c in curves])) if curves else math.nan


def scatter(bent: np.ndarray) -> float:
    """The standard deviation of evaluations about the trend, from second differences; NaN of too few.

    The mean absolute value of a normal is sqrt(2/pi) times its standard deviation, here sqrt(6) s.
    """
    return float(np.abs(bent).mean() * math.sqrt(math.pi / 12)) if len(bent) >= FEWEST else math.nan


def bends(curves: Sequence[Curve]) -> np.ndarray:
    """Second differences x[t-1] - 2 x[t] + x[t+1] of the later halves, cut where the learning rate drops.

    They cancel a linear trend and have variance 6 s^2 (Gasser, Sroka and Jennen-Steinmetz 1986).
    """
    pieces = [np.empty(0)]
    for curve in curves:
        late = len(curve.accuracy) // 2
        accuracy, lr = curve.accuracy[late:], curve.lr[late:]
        drops = 1 + np.flatnonzero(lr[1:] <= DROP * lr[:-1])
        pieces += [np.diff(piece, n=2) for piece in np.split(accuracy, drops)]
    return np.concatenate(pieces)


@cache
def expected_maximum(n: int) -> float:
    """E[max] of n independent standard normals: the integral over z > 0 of 1 - Phi(z)^n - Phi(-z)^n."""
    z, step = np.linspace(0.0, 9.0, 2001, retstep=True)
    phi = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    tail = 1 - phi**n - (1 - phi) ** n
    return float(step * (tail.sum() - (tail[0] + tail[-1]) / 2))


def _of(curves: dict[str, Curve], trials: Iterable[str]) -> list[Curve]:
    return [curves[trial] for trial in trials if trial in curves]


def _test_curves(results: Results) -> dict[str, Curve]:
    """Each trial's evaluations of robust test accuracy, in order."""
    if EPOCH_METRIC not in results.epochs:
        return {}
    measured = results.epochs[["id", EPOCH_METRIC, "lr"]].dropna(subset=[EPOCH_METRIC])
    return {
        str(trial): Curve(group[EPOCH_METRIC].to_numpy(float), group["lr"].to_numpy(float))
        for trial, group in measured.groupby("id")
    }
