"""Groups of examples by difficulty, and means over the examples of each along training.

Arrays are read one at a time: those of one training of 50,000 examples and 200 epochs may not fit memory together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.measures.tidy import tabulate_means
from analysis.results.instances import Instances

GROUPS = 10
BY_DIFFICULTY, BY_RANK = ("hardest", "easiest"), ("most problematic", "friendliest")  # the first and the last group
NO_GROUP = -1  # of an example that the ranking does not rank
# The quantities whose group means are recorded along training, in the order of figures.
QUANTITIES: Mapping[str, str] = {
    "loss": "loss under own attack",
    "correct": "accuracy under own attack",
    "clean_correct": "clean accuracy",
    "feature_norm": "feature norm under own attack",
    "median_feature_norm": "norm of the median features",
    "kappa": "κ of own attack",
    "epsilon": "radius",
    "weight": "weight in the loss",
    "t_y": "target of the label",
    "t_max": "largest entry of the target",
    "t_correct": "accuracy against the target under own attack",
    "t_class": "targets that favour the label",
}
FRACTIONS = ("correct", "clean_correct", "t_correct", "t_class")  # quantities that are accuracies, in percent


def name_group(group: int, ends: tuple[str, str] = BY_DIFFICULTY) -> str:
    """Name a group for a legend: G0 (hardest), G1, ..., G9 (easiest), or by the ends of another order."""
    words = {0: f" ({ends[0]})", GROUPS - 1: f" ({ends[1]})"}
    return f"G{group}{words.get(group, '')}"


def assign_groups(d: np.ndarray) -> np.ndarray:
    """Assign each example to a group by its difficulty d: G_i with i = min(floor(10 d), 9); G_0 is the hardest.

    Liu et al. 2021, sec. 4.2. Their text to Figure 14 numbers the groups in the opposite order. An unknown d has
    NO_GROUP.
    """
    known = np.isfinite(d)
    return np.where(known, np.minimum(np.floor(GROUPS * np.where(known, d, 0.0)).astype(int), GROUPS - 1), NO_GROUP)


def compute_group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Average (T, N) values over the examples of each group, without NaN: (10, T)."""
    means = np.full((GROUPS, len(values)), np.nan)
    for place in range(GROUPS):
        chosen = values[:, group == place]
        known = np.isfinite(chosen)
        counts = known.sum(axis=1)
        totals = np.where(known, chosen, 0.0).sum(axis=1, dtype=float)
        np.divide(totals, counts, out=means[place], where=counts > 0)
    return means


def read_group_means(instances: Instances, group: np.ndarray, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the group means of the quantities in `names` that were recorded, name -> (10, T).

    `group` is (N,). The mean of `t_class` is the fraction of examples whose target is largest for their label.
    """
    found = {}
    for name in names:
        if name in instances:
            values = instances[name]
            if name == "t_class":
                values = np.where(np.isfinite(values), values == instances.y, np.nan).astype(np.float32)
            found[name] = compute_group_means(values, group)
    return found


def average_trainings(
    trainings: Iterable[tuple[Instances, np.ndarray]], names: Sequence[str] = tuple(QUANTITIES)
) -> pd.DataFrame:
    """Average the group means of quantities over trainings, given as their arrays and the group of each example (N,).

    A row a `quantity`, `group` and `epoch`, with `mean`, `lo`, `hi` (one standard error to each side), `n`, and `size`,
    the mean number of examples in the group.
    """
    parts, sizes = [], []
    for instances, group in trainings:
        sizes.append(np.bincount(group[group >= 0], minlength=GROUPS))
        parts += [_lay_out(name, means) for name, means in read_group_means(instances, group, names).items()]
    if not parts:
        return pd.DataFrame(columns=["quantity", "group", "epoch", "mean", "lo", "hi", "n", "interval", "size"])
    table = tabulate_means(pd.concat(parts, ignore_index=True), ["quantity", "group", "epoch"], "value")
    return table.assign(size=np.mean(sizes, axis=0)[table["group"]])


def _lay_out(quantity: str, means: np.ndarray) -> pd.DataFrame:
    """Lay the group means (10, T) of one training out as rows."""
    groups, epochs = means.shape
    return pd.DataFrame(
        {
            "quantity": quantity,
            "group": np.repeat(np.arange(groups), epochs),
            "epoch": np.tile(np.arange(epochs), groups),
            "value": means.ravel(),
        }
    )
