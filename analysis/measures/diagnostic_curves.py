"""Numbers that diagnostics measure after named epochs: flatness of the loss, and bounds of the Lipschitz constant.

Zhang et al. 2021, Figures 4 and 10; Liu et al. 2021, Figure 11 and Table 6.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.measures.tidy import T_INTERVAL, add_context, tabulate_means
from analysis.results.diagnostics import Diagnostics
from analysis.results.sweep import Sweep

FLATNESS = {"friendly": "flatness_friendly", "most adversarial": "flatness_adversarial"}  # point -> array
LIPSCHITZ = {"merged": "lipschitz_merged", "naive": "lipschitz_naive"}  # layers -> array


def measure_flatness(results: Sweep) -> pd.DataFrame:
    """Measure the mean l2 length of the loss's input gradient on test: a row a configuration, `point` and `epoch`.

    `point` is `friendly`, the first misclassified point of the attack, or `most adversarial`, its last. The loss is
    flatter where the gradient is shorter. `lo` and `hi` are one standard error over seeds to each side.
    """
    return _measure(results, FLATNESS, "point")


def measure_lipschitz(results: Sweep) -> pd.DataFrame:
    """Measure the bound of the Lipschitz constant (l2, pixels to logits): a row a configuration, `layers` and `epoch`.

    `layers` is `merged`, where affine layers that follow one another are one map, or `naive`, where each is by itself.
    `lo` and `hi` are one standard error over seeds to each side.
    """
    return _measure(results, LIPSCHITZ, "layers")


def tabulate_lipschitz(results: Sweep) -> pd.DataFrame:
    """Return the same bounds at the last epoch that all trainings of a configuration measured, with t-intervals."""
    values = _read_sweep(results, LIPSCHITZ, "layers")
    if values.empty:
        return pd.DataFrame()
    last = values.groupby(["configuration", "id"])["epoch"].max().groupby("configuration").min()
    values = values[values["epoch"] == values["configuration"].map(last)]
    return add_context(tabulate_means(values, ["configuration", "layers", "epoch"], "value", T_INTERVAL), results)


def read_numbers(diagnostics: Diagnostics | None, arrays: Mapping[str, str], column: str) -> pd.DataFrame:
    """Return the numbers of one training, the mean over images where there are any: `column`, `epoch` and `value`.

    `arrays` maps a value of `column` to the array of its numbers.
    """
    parts = []
    for name, array in arrays.items():
        epochs = f"{array.partition('_')[0]}_epochs"
        if diagnostics is not None and diagnostics.has(array, epochs):
            values = diagnostics[array].astype(float)
            means = values.reshape(len(values), -1).mean(axis=1)
            parts.append(pd.DataFrame({column: name, "epoch": diagnostics[epochs], "value": means}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[column, "epoch", "value"])


def _read_sweep(results: Sweep, arrays: Mapping[str, str], column: str) -> pd.DataFrame:
    parts = [
        read_numbers(results.diagnostics(trial), arrays, column).assign(id=trial, configuration=configuration)
        for trial, configuration in results.completed[["id", "configuration"]].itertuples(index=False)
    ]
    known = [part for part in parts if len(part)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame()


def _measure(results: Sweep, arrays: Mapping[str, str], column: str) -> pd.DataFrame:
    values = _read_sweep(results, arrays, column)
    if values.empty:
        return pd.DataFrame()
    return add_context(tabulate_means(values, ["configuration", column, "epoch"], "value"), results)
