"""The feature norm of difficulty groups as the code of Liu et al. 2021 has it: of the median, not the mean of norms.

Their Figure 2b shows the l2 norm of the median of |φ(x')| over a group, taken dimension by dimension, after each epoch
in eval mode under the attack of training curves. Their text has the mean of norms, which is the quantity `feature_norm`
of measures.groups. For sparse features the norm of the median lies far below the mean of norms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.measures.difficulty_reference import References, describe_source, find_difficulty
from analysis.measures.group_means import GROUPS, assign_groups
from analysis.measures.tidy import add_context, tabulate_means
from analysis.results.diagnostics import Diagnostics
from analysis.results.sweep import Sweep

MEDIAN = "median_feature_norm"
FEATURES = ("features_epochs", "features_values")


def measure_median_features(results: Sweep, references: References | None = None) -> pd.DataFrame:
    """Measure the norm of the median activations of each group: a row a configuration, `group` and `epoch`.

    `quantity` is `median_feature_norm`. Groups are formed as by `groups.measure_groups`, over all examples of the
    training, and the median is over those of a group whose activations were recorded. `lo` and `hi` are one standard
    error over seeds to each side.
    """
    parts = []
    for trial, seed, configuration in results.completed[["id", "seed", "configuration"]].itertuples(index=False):
        instances, diagnostics = results.instances(trial), results.diagnostics(trial)
        if instances is None or diagnostics is None or not diagnostics.has(*FEATURES):
            continue
        d, rows = find_difficulty(instances, int(seed), references), diagnostics.read_rows("features", len(instances.y))
        if d is not None and rows is not None:
            norms = read_median_norms(diagnostics, assign_groups(d)[rows])
            parts.append(norms.assign(configuration=configuration, quantity=MEDIAN))
    if not parts:
        return pd.DataFrame()
    table = tabulate_means(pd.concat(parts), ["configuration", "quantity", "group", "epoch"], "value")
    return add_context(table.assign(grouped_by=describe_source(references)), results)


def read_median_norms(diagnostics: Diagnostics, group: np.ndarray) -> pd.DataFrame:
    """Return the norms of one training, a row a `group` and `epoch`; `group` (n,) is of the recorded images."""
    values, rows = diagnostics["features_values"], []
    for epoch, activations in zip(diagnostics["features_epochs"].tolist(), values, strict=True):
        for number in range(GROUPS):
            members = activations[group == number].astype(float)
            if len(members):
                norm = float(np.linalg.norm(np.median(members, axis=0)))
                rows.append({"group": number, "epoch": epoch, "value": norm})
    return pd.DataFrame(rows, columns=["group", "epoch", "value"])
