"""One number a seed for a check of a claim: levels, differences and ratios, paired by seed with everything else equal.

Axes under `data` say which problem is solved: a check has a result for each of these settings. Of all other axes that
a check does not name, trainings are paired at equal values; the result is the mean over these values, or one for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.claims.agreement import measure_agreement
from analysis.claims.claim import Along, Check
from analysis.claims.metric import Metric, NotRecorded, parse_metric
from analysis.claims.rankings import measure_rankings
from analysis.claims.trainings import Trainings
from analysis.results.choice import SIZES, list_configs, matches
from analysis.results.sweep import Sweep

Selected = Mapping[str, Sequence[Any]]
FEWEST_PLACES = 2  # along an axis
VALUE, OTHER = "value", "_other"


class Measured(NamedTuple):
    """The numbers of a check in one setting."""

    setting: str  # the problem, in words; empty if there is one
    where: str  # the values of other axes, if each has its own result
    values: np.ndarray  # (n,) a number a seed
    step: float  # in which the values are recorded, 0 if they are fine


def measure_check(trainings: Trainings, check: Check, metric: Metric) -> list[Measured]:
    """Measure a check by one of its metrics: a result for each setting, or each group of other axes.

    Raises NotRecorded if the sweep lacks the trainings, their pairs or the metric.
    """
    sweep = trainings.sweep
    if check.statistic == "agreement":
        return _measure_agreement(sweep, check, metric)
    if check.statistic == "ranking":
        return [Measured(found.setting, "", found.values, found.step) for found in measure_rankings(sweep, metric)]
    found = _compare(trainings, check, metric, check.of, check.against)
    if check.less:
        subtracted = parse_metric(check.less.metric) if check.less.metric else metric
        rest = _average(_compare(trainings, check, subtracted, check.less.of, check.less.against))
        found = _average(found).merge(rest, on=["setting", "replicate"], suffixes=("", "_less"))
        found[VALUE] -= found[f"{VALUE}_less"]
        found["where"] = ""
    if check.over == "mean":
        found = _average(found)
    step = _find_step(trainings, check, metric)
    groups = [
        Measured(str(setting), str(where), rows[VALUE].dropna().to_numpy(float), step)
        for (setting, where), rows in found.groupby(["setting", "where"], sort=False)
    ]
    groups = [group for group in groups if len(group.values)]
    if not groups:
        raise NotRecorded(f"{metric.text} of trainings that are equal in all else")
    return groups


def _find_step(trainings: Trainings, check: Check, metric: Metric) -> float:
    """Return the step in which the values of a check are recorded: between the places of an axis, or of the metric."""
    if check.along and check.along.take == "argmax":
        table = select_trainings(trainings.sweep, trainings.table, check.of)
        places = np.unique(_place(trainings.sweep, table, check.along.axis))
        return float(np.median(np.diff(places[np.isfinite(places)])))
    return 0.0 if check.statistic == "ratio" else trainings.resolution(metric)


def select_trainings(sweep: Sweep, table: pd.DataFrame, choice: Selected) -> pd.DataFrame:
    """Return the trainings whose axes or configuration have one of the values at each path of a choice.

    A value is the label of an axis or the value itself. Raises NotRecorded if no training has all.
    """
    configs = dict(list_configs(sweep))
    kept = table
    for path, values in choice.items():
        labels = kept[path] if path in sweep.axes.paths else pd.Series("", kept.index)
        wanted = {str(value) for value in values}
        numbers = [float(v) for v in map(_to_number, values) if not math.isnan(v)]
        keep = [
            label in wanted or matches(sweep, configs[trial], path, [*values, *numbers])
            for trial, label in zip(kept["id"], labels, strict=True)
        ]
        kept = kept[np.array(keep, dtype=bool)]
    if kept.empty:
        raise NotRecorded(f"completed trainings with {describe_choice(choice)}")
    return kept


def narrow_choice(sweep: Sweep, table: pd.DataFrame, choice: Selected) -> dict[str, list[Any]]:
    """Keep the values of a choice that some training has: a claim lists those of several data sets.

    Raises NotRecorded if no training has all paths.
    """
    select_trainings(sweep, table, choice)
    return {
        path: [value for value in values if _has_training(sweep, table, {**choice, path: [value]})]
        for path, values in choice.items()
    }


def _has_training(sweep: Sweep, table: pd.DataFrame, choice: Selected) -> bool:
    try:
        return len(select_trainings(sweep, table, choice)) > 0
    except NotRecorded:
        return False


def describe_choice(choice: Selected, lists: bool = True) -> str:
    """Write a choice in words: "method GAIRAT, label noise 0 or 0.1"; without `lists`, only paths of one value."""
    words = []
    for path, values in choice.items():
        if lists or len(values) == 1:
            short = path.removesuffix(".name").rpartition(".")[2].replace("_", " ")
            words.append(f"{short} {' or '.join('none' if value is None else str(value) for value in values)}")
    return ", ".join(words) or "any"


def _to_number(value: Any) -> float:
    """Return the number that a text such as 8/255 writes; NaN for other values."""
    if not isinstance(value, str) or "/" not in value:
        return math.nan
    one, _, other = value.partition("/")
    try:
        return float(one) / float(other)
    except (ValueError, ZeroDivisionError):
        return math.nan


def _compare(
    trainings: Trainings, check: Check, metric: Metric, of: Selected, against: Selected | None
) -> pd.DataFrame:
    """Return a row a group and seed: `setting`, `where` and `value`, of one selection or of a pair."""
    sweep = trainings.sweep
    table = trainings.table.assign(**{VALUE: trainings.read(metric)})
    sides = [select_trainings(sweep, table, choice) for choice in (of, against) if choice is not None]
    along = check.along.axis if check.along else ""
    varying = [path for path in sweep.axes.varying if not _is_same_axis(path, along)]
    named = (*of, *(against or ()))
    free = [path for path in varying if not any(_decides(sweep, name, path) for name in named)]
    own = [[path for path in varying if path not in free and _varies(side[path])] for side in sides]
    reduced = [_reduce(sweep, side, check.along, [*free, *kept]) for side, kept in zip(sides, own, strict=True)]
    if len(sides) == 1:
        return _name_groups(sweep, reduced[0], [*free, *own[0]], [])
    shared = [path for path in free if set(sides[0][path]) & set(sides[1][path])]
    others = [path for path in (*free, *own[1]) if path not in shared]
    pairs = reduced[0].merge(
        reduced[1].rename(columns={name: f"{name}{OTHER}" for name in (*others, VALUE)}), on=[*shared, "replicate"]
    )
    if pairs.empty:
        raise NotRecorded(f"{describe_choice(of)} and {describe_choice(against or {})}, equal in all else")
    other = pairs[f"{VALUE}{OTHER}"]
    pairs[VALUE] = pairs[VALUE] / other if check.statistic == "ratio" else pairs[VALUE] - other
    return _name_groups(sweep, pairs, [*free, *own[0]], others)


def _varies(labels: pd.Series) -> bool:
    """Return whether an axis has several values among some trainings; where it does not act, it has none."""
    return labels[labels != ""].nunique() > 1


def _decides(sweep: Sweep, name: str, path: str) -> bool:
    """Return whether a name of a choice decides an axis; `method`, if it is an axis too, decides no `method.lr`."""
    return path == name if name in sweep.axes.varying else _is_same_axis(path, name)


def _is_same_axis(path: str, name: str) -> bool:
    """Return whether a name of a choice decides an axis: it is the axis, a part of it, or the whole that it is in."""
    return path == name or path.startswith(f"{name}.") or name.startswith(f"{path}.")


def _reduce(sweep: Sweep, side: pd.DataFrame, along: Along | None, free: list[str]) -> pd.DataFrame:
    """Reduce the trainings of a side along an axis: a row for each value of the free axes and seed."""
    if along is None:
        return side[[*free, "replicate", VALUE]]
    places = _place(sweep, side, along.axis)
    side = side.assign(_at=places)[~np.isnan(places)]
    levels = np.unique(side["_at"])
    if len(levels) < FEWEST_PLACES:
        raise NotRecorded(f"trainings with {FEWEST_PLACES} values or more of {along.axis}")
    rows = []
    for key, group in side.groupby([*free, "replicate"], sort=False):
        curve = group.groupby("_at")[VALUE].mean().reindex(levels)
        value = _take(along.take, levels, curve.to_numpy(float)) if curve.notna().all() else math.nan
        rows.append((*(key if isinstance(key, tuple) else (key,)), value))
    return pd.DataFrame(rows, columns=[*free, "replicate", VALUE])


def _place(sweep: Sweep, side: pd.DataFrame, axis: str) -> np.ndarray:
    """Return where each training lies along an axis: its number, the size of its subset, or its place in the order."""
    if axis == SIZES:
        return side["subset_size"].to_numpy(float)
    if axis not in sweep.axes.paths:
        raise NotRecorded(f"an axis of {axis}")
    if sweep.axes.numeric(axis):
        return np.array([sweep.axes.number(axis, label) for label in side[axis]])
    return np.array([sweep.axes.rank(axis, label) if label else math.nan for label in side[axis]], dtype=float)


def _take(how: str, levels: np.ndarray, values: np.ndarray) -> float:
    """Reduce the values at the levels of an axis to one; a slope has equal steps between neighbouring levels."""
    if how == "slope":
        return float(np.polyfit(np.linspace(0, 1, len(levels)), values, 1)[0])
    if how == "argmax":
        return float(levels[np.argmax(values)])
    return float(values.mean() if how == "mean" else values.max() if how == "max" else values.min())


def _name_groups(sweep: Sweep, rows: pd.DataFrame, paths: list[str], others: list[str]) -> pd.DataFrame:
    """Name the setting of each row by the axes of the data, and its group by the other axes of both sides."""
    data = [path for path in paths if path in sweep.axes.data]
    rest = [path for path in paths if path not in data]
    records = rows.to_dict("records")
    where = [
        " against ".join(
            filter(
                None,
                (
                    sweep.axes.describe({path: row[path] for path in rest}, rest),
                    sweep.axes.describe({path: row[f"{path}{OTHER}"] for path in others}, others),
                ),
            )
        )
        for row in records
    ]
    settings = [sweep.axes.describe({path: row[path] for path in data}, data) for row in records]
    return rows.assign(setting=settings, where=where)


def _average(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over all groups of a setting, for the seeds that have every group."""
    wide = rows.pivot_table(index=["setting", "replicate"], columns="where", values=VALUE, dropna=False)
    parts = []
    for setting, block in wide.groupby(level="setting", sort=False):
        used = block.loc[:, block.notna().any()]
        mean = used.mean(axis=1).where(used.notna().all(axis=1))
        parts.append(pd.DataFrame({VALUE: mean, "setting": setting}).reset_index(level="replicate"))
    found = pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0]
    return found.assign(where="")


def _measure_agreement(sweep: Sweep, check: Check, metric: Metric) -> list[Measured]:
    """Measure agreement between two selections, or within one, in each setting."""
    pairs = [(check.of, check.against or check.of)]
    if check.less:
        pairs.append((check.less.of, check.less.against or check.less.of))
    named: Iterable[str] = {name for pair in pairs for choice in pair for name in choice}
    data = [path for path in sweep.axes.data if path not in named]
    found = []
    for labels, rows in _group(sweep.completed, data):
        parts = [
            measure_agreement(sweep, metric, *(select_trainings(sweep, rows, choice) for choice in pair))
            for pair in pairs
        ]
        values = parts[0] - parts[1] if len(parts) == 2 else parts[0]
        setting = sweep.axes.describe(dict(zip(data, labels, strict=True)), data)
        found.append(Measured(setting, "", values.dropna().to_numpy(float), 0.0))
    return found


def _group(table: pd.DataFrame, paths: list[str]) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """Yield the rows of each combination of the labels of some axes."""
    if not paths:
        yield (), table
        return
    for labels, rows in table.groupby(paths, sort=False):
        yield tuple(map(str, labels)), rows
