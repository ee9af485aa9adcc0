"""Paired differences: the effect of one choice when everything else, including the seed, is equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.stats import estimate_last_axis
from analysis.measures.tidy import group_by_setting
from analysis.results.axes import ALL, LATE, SEPARATOR
from analysis.results.sweep import Sweep
from analysis.results.trial_table import mark_constant

CONTROL = "random"
Pairs = Callable[[pd.DataFrame], Iterator[tuple[str, str]]]
COLUMNS = ("setting", "family", "minuend", "subtrahend", "metric", "mean", "se", "n")


def compare_subsets(results: Sweep, metrics: Sequence[str]) -> pd.DataFrame:
    """Compare each subset to training on all, and to a random one of the same size and start, paired by seed.

    Without the random control an effect of *which* examples cannot be distinguished from one of *how many*.
    """
    return _differences(results, metrics, results.axes.subset, _subset_pairs)


def compare_axis(results: Sweep, axis: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Compare each value of an axis to its first, the least of numbers, paired by seed, with everything else equal.

    An axis that exists only with some of these values (`when`) is a part of them: "trades, lr 0.05" is compared with
    "pgd-at", which has no such axis. If both values have such an axis, it must be equal.
    """
    order = results.axes.order[axis]

    def pairs(group: pd.DataFrame) -> Iterator[tuple[str, str]]:
        known = group[group[axis] != ""].drop_duplicates("_label")
        found = zip(known[axis], known["_label"], known["_own"], strict=True)
        choices = sorted(found, key=lambda choice: order.index(choice[0]))
        baselines = [(label, own) for value, label, own in choices if value == choices[0][0]]
        for value, minuend, own in choices:
            if value != choices[0][0]:
                yield from ((minuend, label) for label, other in baselines if _agree(own, other))

    return _differences(results, metrics, (axis,), pairs)


def find_uncompared(results: Sweep, axis: str, table: pd.DataFrame) -> list[str]:
    """Return the completed values of an axis, in words, that a table of its differences compares with nothing.

    The list is empty for an axis with one value.
    """
    done = results.completed[axis]
    known = table[table["n"] > 0]
    found = {*known["minuend"], *known["subtrahend"]}
    names = [results.axes.describe({axis: label}, (axis,)) for label in results.axes.order[axis] if label in set(done)]
    if len(names) < 2:
        return []
    return [name for name in names if not any(label == name or label.startswith(name + SEPARATOR) for label in found)]


def _differences(results: Sweep, metrics: Sequence[str], axes: Sequence[str], pairs: Pairs) -> pd.DataFrame:
    trials = results.completed.copy()
    metrics = [metric for metric in metrics if metric in trials]
    for metric in metrics:  # a constant network is left out like one that diverged
        ends = [end for end in ("best", "last") if metric.startswith((end, "robust_overfitting"))]
        trials.loc[mark_constant(trials, ends), metric] = float("nan")
    own = _conditional_axes(results, axes)
    rest = [path for path in results.axes.varying if path not in axes and path not in own]
    trials["_label"] = _describe(results, trials, [*axes, *own])
    trials["_own"] = list(zip(*(trials[path] for path in own), strict=True)) if own else [()] * len(trials)
    trials["_setting"] = _describe(results, trials, [p for p in rest if p in results.axes.data])
    trials["_family"] = _describe(results, trials, [p for p in rest if p not in results.axes.data])
    rows = []
    several = trials.groupby(["_setting", "_family"])["_label"].transform("nunique") > 1  # in a search few groups have
    for (setting, family), group in trials[several].groupby(["_setting", "_family"], sort=False):
        compared = list(pairs(group))
        if not compared:
            continue
        places = {label: place for place, label in enumerate(group["_label"].unique())}
        firsts, seconds = ([places[pair[side]] for pair in compared] for side in (0, 1))
        by_seed = _by_seed(group, metrics)
        found = estimate_last_axis(by_seed[firsts] - by_seed[seconds])
        for place, pair in enumerate(compared):
            key = (setting, family, *pair)
            rows += [(*key, metric, *(values[place, n] for values in found)) for n, metric in enumerate(metrics)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_seed(trials: pd.DataFrame, metrics: Sequence[str]) -> np.ndarray:
    """Return each metric of each choice by seed, NaN for seeds it was not trained with: (choices, metrics, seeds)."""
    labels, choices = pd.factorize(trials["_label"])
    replicates, seeds = pd.factorize(trials["replicate"])
    found = np.full((len(choices), len(metrics), len(seeds)), np.nan)
    found[labels, :, replicates] = trials[list(metrics)].to_numpy(float)
    return found


def _conditional_axes(results: Sweep, axes: Sequence[str]) -> list[str]:
    """Return the other axes that act with some choices along `axes` and with others in no trial.

    Such an axis has a condition on `axes`: to hold it equal would leave nothing to compare.
    """
    trials, found = results.study_trials, []
    trials = trials[(trials[list(axes)] != "").any(axis=1)]
    chosen = [*trials.groupby(list(axes), sort=False)] if axes else []
    for path in results.axes.varying:
        acts = [bool((group[path] != "").any()) for _, group in chosen]
        if path not in axes and any(acts) and not all(acts):
            found.append(path)
    return found


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether two choices have equal values of all conditional axes that both have."""
    return all(first == second or not (first and second) for first, second in zip(one, other, strict=True))


def _subset_pairs(group: pd.DataFrame) -> Iterator[tuple[str, str]]:
    known = group.drop_duplicates("_label")
    subsets = list(zip(known["_label"], known["subset_kind"], known["subset_size"], known["_own"], strict=True))
    everything = [(label, own) for label, kind, _, own in subsets if kind == ALL]
    controls: dict[tuple[float, str], list[tuple[str, tuple[str, ...]]]] = {}
    starts = {kind: kind.partition(f" {LATE} ")[2] for _, kind, _, _ in subsets}
    for label, kind, size, own in subsets:
        if CONTROL in kind:
            controls.setdefault((size, starts[kind]), []).append((label, own))
    for label, kind, size, own in subsets:
        if kind != ALL:
            baselines = [*([] if CONTROL in kind else controls.get((size, starts[kind]), [])), *everything]
            yield from ((label, baseline) for baseline, other in baselines if _agree(own, other))


def _describe(results: Sweep, trials: pd.DataFrame, paths: Sequence[str]) -> pd.Series:
    labels = zip(*(trials[path] for path in paths), strict=True) if paths else [()] * len(trials)
    names = [results.axes.describe(dict(zip(paths, row, strict=True)), paths) for row in labels]
    return pd.Series(names, index=trials.index, dtype=str)


class Effects(NamedTuple):
    """Effects with one row per comparison, in fractions; positive means that the first named is better."""

    names: list[str]
    settings: list[str]
    last: np.ndarray  # (n, 2) mean and s.e.
    selected: np.ndarray  # (n, 2) NaN without validation
    y_title: str

    def take(self, rows: Sequence[int]) -> Effects:
        """Return some of the rows."""
        names, settings = ([values[row] for row in rows] for values in (self.names, self.settings))
        return self._replace(
            names=names, settings=settings, last=self.last[list(rows)], selected=self.selected[list(rows)]
        )


def collect_effects(differences: pd.DataFrame, metric: str, y_title: str) -> Effects | None:
    """Collect paired differences of a metric at both checkpoints, with the rows of a problem together."""
    keys = ["setting", "family", "minuend", "subtrahend"]
    wide = {c: differences[differences["metric"] == f"{c}_{metric}"].set_index(keys) for c in ("last", "best")}
    index = wide["last"].index[wide["last"]["n"].to_numpy() > 0]
    if not len(index):
        return None
    shown = index[group_by_setting([str(setting) for setting, *_ in index])]
    names = [SEPARATOR.join(filter(None, (family, f"{a} − {b}"))) for _, family, a, b in shown]
    last, best = (wide[c].reindex(shown)[["mean", "se"]].to_numpy(float) for c in ("last", "best"))
    return Effects(names, [str(setting) for setting, *_ in shown], last, best, y_title)
