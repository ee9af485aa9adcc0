"""Overfitting of each configuration, and how large it would appear if there were none.

`robust_overfitting` (Rice, Wong and Kolter 2020, arXiv:2002.11569) is the best minus the last robust test accuracy. As
a maximum over noisy evaluations it is never negative, and it is positive even for a curve that climbs and then stays
flat: this is its *floor* (`measures.floor`). `robust_overfitting_val` uses the epoch chosen on validation instead and
has no floor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.floor import AccuracyCurve, estimate_floor, plateau_differences, sum_differences
from analysis.measures.stats import estimate_groups
from analysis.measures.tidy import CONTEXT, group_by_setting
from analysis.results.gaps import keep_selectable
from analysis.results.metrics import EPOCH_METRIC
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, DIVERGED, mark_constant

QUANTITIES = {
    "peak": f"peak_{EPOCH_METRIC}",  # best over the evaluations on test
    "selected": f"best_{EPOCH_METRIC}",  # at the epoch chosen on validation
    "last": f"last_{EPOCH_METRIC}",
    "robust_overfitting": "robust_overfitting",
    "robust_overfitting_val": "robust_overfitting_val",
    "generalization_gap": "generalization_gap",
    "clean_generalization_gap": "clean_generalization_gap",
}


def measure_overfitting(results: Sweep) -> pd.DataFrame:
    """Return one row a configuration: each quantity's mean over the same `n` seeds, its `_se`, the floor and the fall.

    `fall` is how far the trend line of robust test accuracy falls along the plateau, with its 95 % t-interval `fall_lo`
    to `fall_hi`; NaN for a plateau too short to tell. The seeds are the completed ones whose curves were recorded:
    without a curve a last epoch has no best one beside it.
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
    counts = {"n": whole, "diverged": sweep["status"] == DIVERGED, "constant": completed & mark_constant(sweep)}
    endings = pd.DataFrame(counts).groupby(sweep["configuration"], sort=False).sum()
    unknown = pd.Series(math.nan, done.index)
    columns = {quantity: done.get(column, unknown) for quantity, column in QUANTITIES.items()}
    measured = estimate_groups(pd.DataFrame(columns), [done["configuration"]])
    names = [name for quantity in QUANTITIES for name in (quantity, f"{quantity}_se")]
    placed = zip(firsts.index, firsts["setting"], strict=True)
    floors = [estimate_floor(by.get(str(name), []), pooled.get(str(setting))) for name, setting in placed]
    names_of_floor = ["floor", "floor_evaluations", "floor_borrowed", "fall", "fall_lo", "fall_hi"]
    found = pd.DataFrame([(*floor[:3], *floor.fall) for floor in floors], firsts.index, names_of_floor)
    parts = [firsts[list(CONTEXT)], endings, measured[names].reindex(firsts.index), found]
    return pd.concat(parts, axis=1).reset_index(drop=True)


def find_overfitting(table: pd.DataFrame) -> np.ndarray:
    """Return which rows of `measure_overfitting` overfit, (n,) bool: accuracy falls along the plateau.

    The interval of the fall lies above zero. A configuration of which a seed names one class for all does not count,
    nor does a plateau too short to tell.
    """
    return np.asarray((table["fall_lo"] > 0) & (table["constant"] == 0), dtype=bool)


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
    floor: np.ndarray  # (n,) the gap to expect of a curve that never falls
    falls: np.ndarray  # (n,) bool, whether the trend along the plateau falls
    attack: str

    def take(self, rows: Sequence[int]) -> Gaps:
        """Return some of the rows."""
        arrays = {name: getattr(self, name)[list(rows)] for name in self._fields[2:-1]}
        return self._replace(
            names=[self.names[row] for row in rows], settings=[self.settings[row] for row in rows], **arrays
        )


def collect_gaps(table: pd.DataFrame, attack: str) -> Gaps | None:
    """Collect overfitting from the table of `measure_overfitting`, with the rows of a problem together."""
    known = table[table["robust_overfitting"].notna()]
    if known.empty:
        return None
    shown = known.iloc[group_by_setting(known["setting"].tolist())]
    columns = {name: shown[name].to_numpy(float) for name in ("peak", "selected", "last", "last_se", "floor")}
    gap, gap_se = (shown[f"robust_overfitting{end}"].to_numpy(float) for end in ("", "_se"))
    return Gaps(
        list(shown["choice"]),
        list(shown["setting"]),
        **columns,
        gap=gap,
        gap_se=gap_se,
        falls=find_overfitting(shown),
        attack=attack,
    )
