"""Paired differences: what one choice changes when everything else, the seed included, is equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.axes import ALL
from analysis.results import COMPLETED, Results
from analysis.stats import Estimate, estimate

CONTROL = "random"
Pairs = Callable[[pd.DataFrame], Iterator[tuple[str, str]]]
COLUMNS = ("setting", "family", "minuend", "subtrahend", "metric", "mean", "se", "n")


def subset_differences(results: Results, metrics: Sequence[str]) -> pd.DataFrame:
    """Each subset minus training on all, and minus a random subset of the same size, paired by seed.

    Without the random control an effect of *which* examples cannot be told from one of *how many*.
    """
    return _differences(results, metrics, results.axes.subset, _subset_pairs)


def axis_differences(results: Results, axis: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Each value of an axis minus its first, the least of numbers, paired by seed, everything else equal."""
    names = [results.axes.describe({axis: label}, (axis,)) for label in results.axes.order[axis]]

    def pairs(group: pd.DataFrame) -> Iterator[tuple[str, str]]:
        present = [name for name in names if name in set(group["_label"])]
        yield from ((other, present[0]) for other in present[1:])

    return _differences(results, metrics, (axis,), pairs)


def _differences(results: Results, metrics: Sequence[str], axes: Sequence[str], pairs: Pairs) -> pd.DataFrame:
    trials = results.sweep[results.sweep["status"] == COMPLETED].copy()
    metrics = [metric for metric in metrics if metric in trials]
    for metric in metrics:  # a constant network has no more to compare than one that diverged
        ends = [end for end in ("best", "last") if metric.startswith((end, "robust_overfitting"))]
        trials.loc[trials[[f"{end}_constant" for end in ends]].notna().any(axis=1), metric] = float("nan")
    rest = [path for path in results.axes.varying if path not in axes]
    trials["_label"] = _describe(results, trials, axes)
    trials["_setting"] = _describe(results, trials, [p for p in rest if p in results.axes.data])
    trials["_family"] = _describe(results, trials, [p for p in rest if p not in results.axes.data])
    rows = []
    for (setting, family), group in trials.groupby(["_setting", "_family"], sort=False):
        by_label = {label: chosen.set_index("replicate") for label, chosen in group.groupby("_label")}
        for minuend, subtrahend in pairs(group):
            gaps = by_label[minuend][metrics] - by_label[subtrahend][metrics]
            for metric in metrics:
                found = estimate(gaps[metric])
                rows.append((setting, family, minuend, subtrahend, metric, *found))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _subset_pairs(group: pd.DataFrame) -> Iterator[tuple[str, str]]:
    known = group.drop_duplicates("_label")
    subsets = list(zip(known["_label"], known["subset_kind"], known["subset_size"], strict=True))
    for label, kind, size in subsets:
        if kind == ALL:
            continue
        if CONTROL not in kind:
            yield from ((label, other) for other, what, many in subsets if CONTROL in what and many == size)
        yield from ((label, other) for other, what, _ in subsets if what == ALL)


def _describe(results: Results, trials: pd.DataFrame, paths: Sequence[str]) -> pd.Series:
    labels = zip(*(trials[path] for path in paths), strict=True) if paths else [()] * len(trials)
    names = [results.axes.describe(dict(zip(paths, row, strict=True)), paths) for row in labels]
    return pd.Series(names, index=trials.index, dtype=str)


def as_estimate(row: Mapping[Any, Any]) -> Estimate:
    """A row of a table of differences as an estimate."""
    return Estimate(float(row["mean"]), float(row["se"]), int(row["n"]))
