"""Learning curves: accuracy of each configuration along training, means over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.tidy import group_by_setting
from analysis.results.axes import MOST_LABELS
from analysis.results.gaps import TRAINED
from analysis.results.metrics import describe_metric
from analysis.results.sweep import Sweep

NAMES = {"test": "test", "val": "validation", "train": "training"}


class CurveLine(NamedTuple):
    """The learning curve of a configuration, over its seeds."""

    label: str
    epoch: np.ndarray  # (T,)
    best_epoch: float  # median over seeds of the epoch selected on validation
    best_test: float  # mean over seeds of test accuracy at the selected epoch of each seed
    n: int
    test: np.ndarray  # (T,) mean over seeds
    test_se: np.ndarray  # (T,) NaN for one seed
    val: np.ndarray  # (T,) NaN without validation
    val_se: np.ndarray  # (T,)
    train: np.ndarray  # (T,) under the same attack as test and val, NaN where not measured
    train_se: np.ndarray  # (T,)

    def of(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and standard errors of a split, (T,) each."""
        return {
            "test": (self.test, self.test_se),
            "val": (self.val, self.val_se),
            "train": (self.train, self.train_se),
        }[split]


class Curves(NamedTuple):
    """Learning curves of one metric, with a panel per setting and method, or per setting if methods are lines."""

    y_title: str
    panels: dict[tuple[str, str], list[CurveLine]]  # (setting, method)

    @property
    def best(self) -> list[int]:
        """The places of the panels, that with the best configuration on validation first."""
        best = [max(map(_best_accuracy, lines)) for lines in self.panels.values()]
        return sorted(range(len(best)), key=lambda place: -best[place])

    def take(self, rows: Sequence[int]) -> Curves:
        """Return some of the panels."""
        panels = list(self.panels.items())
        return self._replace(panels=dict(panels[row] for row in rows))

    def has(self, split: str) -> bool:
        """Return whether a split was measured."""
        return any(np.isfinite(line.of(split)[0]).any() for lines in self.panels.values() for line in lines)


def collect_curves(results: Sweep, kind: str) -> Curves | None:
    """Collect the learning curves of an accuracy; None where it was not measured.

    `kind` is "clean", "pgd", or the name of a further attack, which is not measured on validation. Robust training
    accuracy is measured under the attack of the test curve. Clean training accuracy has another protocol and is not
    shown.
    """
    columns = [f"{split}_{kind}_acc" for split in NAMES]
    measured, _, trained = columns
    shown = results.completed
    shown = shown if len(shown) else results.study_trials
    if measured not in results.epochs:
        return None
    known = results.epochs[results.epochs["id"].isin(shown["id"])].dropna(subset=[measured])
    if known.empty:  # only rankings are trained so far
        return None
    known = known.assign(**{name: known.get(name, np.nan) for name in columns})
    if trained != TRAINED:
        known = known.assign(**{trained: np.nan})
    curves = _average_seeds(known, columns)
    best = shown.assign(best_test=shown.get(f"best_{measured}", np.nan)).groupby("configuration", sort=False)
    epochs, accuracies = best["best_epoch"].median(), best["best_test"].mean()
    panels: dict[tuple[str, str], list[CurveLine]] = {}
    together = not results.axes.subset and shown["family"].nunique() <= MOST_LABELS
    for row in shown.drop_duplicates("configuration").to_dict("records"):
        if row["configuration"] in curves:
            label, panel = (row["family"], "") if together else (row["subset_label"], row["family"])
            epoch, test, test_se, val, val_se, train, train_se, counts = curves[row["configuration"]]
            chosen = float(epochs[row["configuration"]]), float(accuracies[row["configuration"]])
            line = CurveLine(label, epoch, *chosen, int(counts.max()), test, test_se, val, val_se, train, train_se)
            panels.setdefault((row["setting"], panel), []).append(line)
    if not panels:
        return None
    keys = list(panels)
    grouped = [keys[place] for place in group_by_setting([setting for setting, _ in keys])]
    return Curves(describe_metric(measured, results.attacks), {key: panels[key] for key in grouped})


def _average_seeds(epochs: pd.DataFrame, names: list[str]) -> dict[str, list[np.ndarray]]:
    """Return for each configuration its epochs, the mean and error of each name, and the number of seeds per epoch."""
    by = epochs.groupby(["configuration", "epoch"])
    parts = {(name, method): getattr(by[name], method)() for name in names for method in ("mean", "sem")}
    table = pd.DataFrame({" ".join(pair): values for pair, values in parts.items()} | {"n": by[names[0]].count()})
    table = table.reset_index()
    starts = np.flatnonzero(~table["configuration"].duplicated())
    columns = [np.split(table[column].to_numpy(), starts[1:]) for column in table.columns[1:]]
    return dict(zip(table["configuration"].iloc[starts], map(list, zip(*columns, strict=True)), strict=True))


def _best_accuracy(line: CurveLine) -> float:
    """Return the highest validation accuracy of a configuration, or without validation its last test accuracy."""
    return float(np.nanmax(line.val)) if np.isfinite(line.val).any() else float(line.test[-1])
