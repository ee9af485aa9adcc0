"""Overfitting of each configuration, and how large it would appear if there were none.

`robust_overfitting` (Rice, Wong and Kolter 2020, arXiv:2002.11569) is the best minus the last robust test accuracy. As
a maximum over noisy evaluations it is never negative, and it is positive even for a curve that climbs and then stays
flat: this is its *floor*. `robust_overfitting_val` uses the epoch chosen on validation instead and has no floor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.cuts import MAX_ROWS, group_by_setting, take_in_turn
from analysis.measures.stats import Estimate, estimate_groups
from analysis.measures.tidy import CONTEXT
from analysis.results.gaps import keep_selectable
from analysis.results.metrics import EPOCH_METRIC
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, DIVERGED

FEWEST, ENOUGH = 3, 6  # second differences: with fewer than the first, scatter cannot be estimated
REACH = 3.0  # standard errors of a difference: a mean curve within so many of its maximum has ended its climb
DROP = 0.5  # a learning rate that falls to this fraction or less within one evaluation has dropped
QUANTITIES = {
    "peak": f"peak_{EPOCH_METRIC}",  # best over the evaluations on test
    "selected": f"best_{EPOCH_METRIC}",  # at the epoch chosen on validation
    "last": f"last_{EPOCH_METRIC}",
    "robust_overfitting": "robust_overfitting",
    "robust_overfitting_val": "robust_overfitting_val",
    "generalization_gap": "generalization_gap",
    "clean_generalization_gap": "clean_generalization_gap",
}


class AccuracyCurve(NamedTuple):
    """Robust test accuracy along one trial."""

    accuracy: np.ndarray  # (T,)
    lr: np.ndarray  # (T,)


class Floor(NamedTuple):
    """The best-minus-last that one configuration would show without overfitting, in [0, 1]."""

    gap: float  # NaN if the scatter is not known
    evaluations: int  # on the plateau
    borrowed: bool  # whether the scatter is that of the whole setting


class DifferenceSum(NamedTuple):
    """The sum of absolute second differences of some curves, from which scatter is estimated."""

    total: float = 0.0
    n: int = 0


def measure_overfitting(results: Sweep) -> pd.DataFrame:
    """Return one row a configuration: each quantity's mean over the same `n` seeds, its `_se`, and the floor.

    The seeds are the completed ones whose curves were recorded: without a curve a last epoch has no best one beside it.
    """
    curves = _test_curves(results)
    sweep = results.study_trials
    completed = sweep["status"] == COMPLETED
    whole = completed & sweep.get("robust_overfitting", pd.Series(math.nan, sweep.index)).notna()
    done = sweep[whole]
    by = {str(name): _select(curves, group["id"]) for name, group in done.groupby("configuration")}
    of_setting = done.drop_duplicates("configuration").groupby("setting")["configuration"]
    pooled = {
        str(setting): sum_differences(np.concatenate([plateau_differences(by[name]) for name in names]))
        for setting, names in of_setting
    }
    firsts = sweep.drop_duplicates("configuration").set_index("configuration", drop=False)
    constant = sweep[["best_constant", "last_constant"]].notna().any(axis=1)
    counts = {"n": whole, "diverged": sweep["status"] == DIVERGED, "constant": completed & constant}
    endings = pd.DataFrame(counts).groupby(sweep["configuration"], sort=False).sum()
    unknown = pd.Series(math.nan, done.index)
    columns = {quantity: done.get(column, unknown) for quantity, column in QUANTITIES.items()}
    measured = estimate_groups(pd.DataFrame(columns), [done["configuration"]])
    names = [name for quantity in QUANTITIES for name in (quantity, f"{quantity}_se")]
    placed = zip(firsts.index, firsts["setting"], strict=True)
    floors = [
        estimate_floor(by.get(str(name), []), pooled.get(str(setting), DifferenceSum())) for name, setting in placed
    ]
    found = pd.DataFrame(floors, firsts.index, ["floor", "floor_evaluations", "floor_borrowed"])
    parts = [firsts[list(CONTEXT)], endings, measured[names].reindex(firsts.index), found]
    return pd.concat(parts, axis=1).reset_index(drop=True)


def exceeds_floor(table: pd.DataFrame) -> np.ndarray:
    """Return which rows of `measure_overfitting` overfit by more than their floor, (n,) bool.

    The lower end of the t-interval of best − last, or best − last of one seed, is above the floor. A network that is
    constant does not count, nor does an unknown floor.
    """
    columns = ("robust_overfitting", "robust_overfitting_se", "n", "floor", "constant")
    found = []
    for gap, se, n, floor, constant in zip(*(table[column].tolist() for column in columns), strict=True):
        found.append(bool(not constant and _lower_bound(Estimate(gap, se, n)) > floor))
    return np.array(found, dtype=bool)


def _lower_bound(gap: Estimate) -> float:
    return gap.mean - (gap.half_width if gap.n > 1 else 0.0)


def estimate_floor(curves: Sequence[AccuracyCurve], others: DifferenceSum | None = None) -> Floor:
    """Estimate the best-minus-last of one configuration's seeds if their curves climb and then stay flat.

    For T independent normal evaluations of equal mean, E[max - last] = s E[max of T standard normals]. T counts only
    the plateau: an evaluation of the climb is never the maximum. s is the scatter on the plateau of these curves. If
    they have fewer than ENOUGH second differences, those of `others`, all curves of the setting, are added. If
    neighbouring evaluations agree by more than their trend, s is too small and so is the floor.
    """
    if not curves:
        return Floor(math.nan, 0, False)
    start = find_plateau(curves)
    differences = second_differences(curves, start)
    own, others, borrowed = sum_differences(differences), others or DifferenceSum(), len(differences) < ENOUGH
    s = _deviation(own.total + others.total, own.n + others.n) if borrowed else estimate_scatter(differences)
    count = min(len(curve.accuracy) for curve in curves) - start
    return Floor(s * expected_maximum(count), count, borrowed)


def find_plateau(curves: Sequence[AccuracyCurve]) -> int:
    """Return the first evaluation at which the mean over seeds has ended its climb.

    It then lies within REACH standard errors of its maximum, by the scatter of the later half. If the scatter is not
    known, the whole curve counts.
    """
    length = min(len(curve.accuracy) for curve in curves)
    mean = np.mean([curve.accuracy[:length] for curve in curves], axis=0)
    s = estimate_scatter(second_differences(curves, length // 2))
    if math.isnan(s):
        return 0
    return int(np.argmax(mean >= mean.max() - REACH * s * math.sqrt(2 / len(curves))))


def estimate_scatter(differences: np.ndarray) -> float:
    """Estimate the standard deviation of evaluations about the trend from second differences; NaN for too few.

    The mean absolute value of a normal is sqrt(2/pi) times its standard deviation, here sqrt(6) s.
    """
    return _deviation(*sum_differences(differences))


def sum_differences(differences: np.ndarray) -> DifferenceSum:
    """Sum second differences of curves; the sum of a setting is computed once for all its configurations."""
    return DifferenceSum(float(np.abs(differences).sum()), len(differences))


def _deviation(total: float, count: int) -> float:
    return total / count * math.sqrt(math.pi / 12) if count >= FEWEST else math.nan


def plateau_differences(curves: Sequence[AccuracyCurve]) -> np.ndarray:
    """Return the second differences on the common plateau of one configuration's seeds."""
    return second_differences(curves, find_plateau(curves)) if curves else np.empty(0)


def second_differences(curves: Sequence[AccuracyCurve], start: int) -> np.ndarray:
    """Return second differences x[t-1] - 2 x[t] + x[t+1] from evaluation `start` on, cut where the learning rate drops.

    They cancel a linear trend and have variance 6 s^2 (Gasser, Sroka and Jennen-Steinmetz 1986).
    """
    pieces = [np.empty(0)]
    for curve in curves:
        accuracy, lr = curve.accuracy[start:], curve.lr[start:]
        pieces += [np.diff(piece, n=2) for piece in np.split(accuracy, find_drops(lr))]
    return np.concatenate(pieces)


def find_drops(lr: np.ndarray) -> np.ndarray:
    """Return the positions at which a learning rate has dropped since the one before."""
    return np.asarray(1 + np.flatnonzero(lr[1:] <= DROP * lr[:-1]))


@cache
def expected_maximum(n: int) -> float:
    """Return E[max] of n independent standard normals: the integral over z > 0 of 1 - Phi(z)^n - Phi(-z)^n."""
    z, step = np.linspace(0.0, 9.0, 2001, retstep=True)
    phi = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    tail = 1 - phi**n - (1 - phi) ** n
    return float(step * (tail.sum() - (tail[0] + tail[-1]) / 2))


def _select(curves: dict[str, AccuracyCurve], trials: Iterable[str]) -> list[AccuracyCurve]:
    return [curves[trial] for trial in trials if trial in curves]


def _test_curves(results: Sweep) -> dict[str, AccuracyCurve]:
    """Return each trial's evaluations of robust test accuracy in its selection window, in order."""
    if EPOCH_METRIC not in results.epochs:
        return {}
    measured = keep_selectable(results.epochs)[["id", EPOCH_METRIC, "lr"]].dropna(subset=[EPOCH_METRIC])
    return {
        str(trial): AccuracyCurve(group[EPOCH_METRIC].to_numpy(float), group["lr"].to_numpy(float))
        for trial, group in measured.groupby("id")
    }


class Gaps(NamedTuple):
    """Overfitting with one row per configuration, in fractions."""

    names: list[str]
    settings: list[str]
    peak: np.ndarray  # (n,) best on test
    selected: np.ndarray  # (n,) at the epoch selected on validation, NaN without validation
    last: np.ndarray  # (n,)
    last_se: np.ndarray  # (n,)
    gap: np.ndarray  # (n,) peak - last
    gap_se: np.ndarray  # (n,)
    floor: np.ndarray  # (n,) the gap that a flat curve would show
    attack: str
    left_out: int


def collect_gaps(table: pd.DataFrame, attack: str) -> Gaps | None:
    """Collect overfitting from the table of `measure_overfitting`; of too many rows those with the largest gap."""
    known = table[table["robust_overfitting"].notna()]
    if known.empty:
        return None
    widest = np.argsort(-known["robust_overfitting"].to_numpy(), kind="stable")
    kept = take_in_turn(known["setting"].tolist(), MAX_ROWS, widest.tolist())
    shown = known.iloc[group_by_setting(known["setting"].iloc[kept].tolist(), kept)]
    columns = {name: shown[name].to_numpy(float) for name in ("peak", "selected", "last", "last_se", "floor")}
    gap, gap_se = (shown[f"robust_overfitting{end}"].to_numpy(float) for end in ("", "_se"))
    return Gaps(
        list(shown["choice"]),
        list(shown["setting"]),
        **columns,
        gap=gap,
        gap_se=gap_se,
        attack=attack,
        left_out=len(known) - len(shown),
    )
