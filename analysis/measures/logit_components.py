"""Logits of two classes on the plane in which they vary most, with κ of each example.

Zhang et al. 2021, Figures 3, 7 and 8. They do not say whether the plane is that of both classes or of all; here it is
that of both. κ is that of the training step in the same epoch, on the augmented image.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.tidy import add_context
from analysis.results.diagnostics import Diagnostics
from analysis.results.instances import Instances
from analysis.results.sweep import Sweep

LOGITS = ("logits_epochs", "logits_values")
FEWEST = 3  # examples of two classes, for there to be a plane


class Plane(NamedTuple):
    """Points on their first two principal components."""

    points: np.ndarray  # (n, 2), of mean 0
    explained: float  # the share of the variance of all dimensions


class RecordedLogits(NamedTuple):
    """The logits of some training examples after an epoch."""

    epoch: int
    values: np.ndarray  # (n, C)
    y: np.ndarray  # (n,) labels as given
    kappa: np.ndarray  # (n,) NaN where the example was not trained on in that epoch


def project_logits(results: Sweep, pairs: Sequence[tuple[int, int]] | None = None) -> pd.DataFrame:
    """Project the logits of each pair of classes at the last epoch that recorded logits; the first seed alone.

    A row an example of a pair `one` < `other`: its `label`, `x` and `y` on the first two principal components, `kappa`,
    the `epoch`, the `id` of the training, and `explained`, the share of the variance that both components have. No
    interval: an example is no mean. `pairs` are classes by number; None: all pairs. Trainings whose attack counts no
    steps have no κ, and are left out.
    """
    tables = []
    for configuration, trials in results.completed.groupby("configuration", sort=False):
        found = ((trial, read_logits(results.diagnostics(trial), results.instances(trial))) for trial in trials["id"])
        trial, logits = next(((trial, logits) for trial, logits in found if logits is not None), ("", None))
        if logits is not None:
            tables.append(project_pairs(logits, pairs).assign(configuration=configuration, id=trial))
    known = [table for table in tables if len(table)]
    return add_context(pd.concat(known, ignore_index=True), results) if known else pd.DataFrame()


def project_pairs(logits: RecordedLogits, pairs: Sequence[tuple[int, int]] | None = None) -> pd.DataFrame:
    """Project the logits of one training, as `project_logits` does."""
    parts = []
    for one, other in pairs if pairs is not None else combinations(np.unique(logits.y).tolist(), 2):
        members = np.isin(logits.y, (one, other)) & np.isfinite(logits.values).all(axis=1)
        if members.sum() < FEWEST:
            continue
        plane = find_plane(logits.values[members], logits.y[members] == other)
        columns = {"one": one, "other": other, "label": logits.y[members], "kappa": logits.kappa[members]}
        columns |= {"x": plane.points[:, 0], "y": plane.points[:, 1], "explained": plane.explained}
        parts.append(pd.DataFrame(columns).assign(epoch=logits.epoch))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def find_plane(values: np.ndarray, right: np.ndarray) -> Plane:
    """Project points (n, C) on their first two principal components; the mean of those in `right` lies to the right.

    A component has no sign of its own. That of the second is such that its largest loading is positive.
    """
    centred = values.astype(float) - values.mean(axis=0, dtype=float)
    _, scales, axes = np.linalg.svd(centred, full_matrices=False)
    points = centred @ axes[:2].T
    if right.any() and points[right, 0].mean() < 0:
        points[:, 0] *= -1
    points[:, 1] *= np.sign(axes[1][np.abs(axes[1]).argmax()]) or 1.0
    variances = scales**2
    return Plane(points, float(variances[:2].sum() / variances.sum()) if variances.any() else 1.0)


def read_logits(diagnostics: Diagnostics | None, instances: Instances | None) -> RecordedLogits | None:
    """Read the logits of the last epoch that recorded any; None without them, or without κ."""
    if diagnostics is None or instances is None or not diagnostics.has(*LOGITS) or "kappa" not in instances:
        return None
    epochs, kappa = diagnostics["logits_epochs"], instances["kappa"]
    rows = diagnostics.read_rows("logits", len(instances.y))
    if rows is None or not len(epochs) or not 0 <= epochs[-1] < len(kappa):
        return None
    return RecordedLogits(int(epochs[-1]), diagnostics["logits_values"][-1], instances.y[rows], kappa[epochs[-1], rows])
