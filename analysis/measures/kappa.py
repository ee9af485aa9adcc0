"""Statistics of κ, the number of attack steps from which an example is still right, and weights against it.

Zhang et al. 2021, Figures 4, 10 and 12 to 14.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.figure_table import TidyTable, average_seeds
from analysis.measures.tidy import add_context, tabulate_means
from analysis.results.instances import NOT_TRAINED, Instances
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep
from trainers.record_io import Row

STATISTICS = {"kappa_mean": "mean κ", "kappa_median": "median κ"}
WEIGHT_BINS = 20  # of the joint table, of equal width from 0 to the largest weight of the sweep
KEYS = ["configuration", "kappa", "relative"]
SCALED = (
    "Weights are those of the loss after the burn-in, scaled to mean 1 in a batch, which bends curves down at small κ; "
    "the papers draw them unscaled. Without weights every example counts 1."
)


def measure_kappa(results: Sweep) -> pd.DataFrame:
    """Measure the mean and the median of κ over the examples trained on: a row a configuration, `quantity` and `epoch`.

    `mean` averages over seeds; `lo` and `hi` are one standard error to each side.
    """
    epochs = results.epochs[results.epochs["id"].isin(results.completed["id"])]
    parts = [
        epochs[["configuration", "epoch"]].assign(quantity=name, value=epochs[name])
        for name in STATISTICS
        if name in epochs
    ]
    if not parts:
        return pd.DataFrame()
    return add_context(tabulate_means(pd.concat(parts), ["configuration", "quantity", "epoch"], "value"), results)


class _Joint(NamedTuple):
    """The visits of one training in epochs that weigh examples."""

    kappa: np.ndarray  # (V,) int
    weight: np.ndarray  # (V,)


def measure_weight_by_kappa(results: Sweep) -> pd.DataFrame:
    """Measure the weight of examples by their κ, over all epochs that weigh examples.

    A row a configuration and `kappa`: the mean weight with one standard error over seeds to each side, `relative`, and
    `share`, the fraction of visits that have this κ. `relative` is κ / K with the K of its attack, or the largest κ
    where no attack states its steps.
    """
    configs = {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    rows = [
        table.assign(configuration=configuration)
        for trial, configuration in results.completed[["id", "configuration"]].itertuples(index=False)
        if (table := _average_weights(_read_joint(results.instances(trial)), configs[trial])) is not None
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.concat(rows, ignore_index=True)
    shares = table.groupby(KEYS)["share"].mean().reset_index()
    return add_context(tabulate_means(table, KEYS, "value").merge(shares, on=KEYS), results)


def measure_weights(selection: Selection) -> TidyTable:
    """Measure the weight of examples by κ / K of each line, over all epochs that weigh examples, averaged over seeds.

    A training that counts κ and has no weights gives every example the weight 1, at each κ that it counted.
    """
    rows = []
    for trial in selection.trials.to_dict("records"):
        instances = selection.sweeps[trial["sweep"]].instances(trial["id"])
        found = _read_joint(instances) or _read_constant(instances)
        table = _average_weights(found, selection.configs[trial["sweep"], trial["id"]])
        if table is not None:
            table = table.rename(columns={"relative": "x"})
            rows.append(table.assign(panel=trial["panel"], line=trial["line"], variant=""))
    points = average_seeds(pd.concat(rows, ignore_index=True))
    return TidyTable(points, "κ / K", "weight in the loss", percent=False, notes=(SCALED,))


def _average_weights(found: _Joint | None, config: Row) -> pd.DataFrame | None:
    """Average the weight of one training by κ: `kappa`, `relative`, `value` and the `share` of visits."""
    if found is None:
        return None
    counts = np.bincount(found.kappa)
    totals = np.bincount(found.kappa, weights=found.weight)
    known, most = np.flatnonzero(counts), _count_steps(config) or len(counts) - 1
    columns = {"kappa": known, "relative": known / max(most, 1)}
    return pd.DataFrame(columns | {"value": totals[known] / counts[known], "share": counts[known] / counts.sum()})


def tabulate_kappa_and_weight(results: Sweep) -> pd.DataFrame:
    """Count the visits of examples by κ and weight: a row a configuration, `kappa` and bin `weight_lo` to `weight_hi`.

    `count` is over all epochs that weigh examples and over the `n` trainings; empty bins have no row.
    """
    top = results.epochs["weight_max"].max() if "weight_max" in results.epochs else np.nan
    if not top > 0:
        return pd.DataFrame()
    edges = np.linspace(0.0, top, WEIGHT_BINS + 1)
    tables = []
    for configuration, trials in results.completed.groupby("configuration", sort=False):
        counts, n = np.zeros((NOT_TRAINED, WEIGHT_BINS), dtype=int), 0
        for trial in trials["id"]:
            found = _read_joint(results.instances(trial))
            if found is not None:
                place = np.clip(np.searchsorted(edges, found.weight, side="right") - 1, 0, WEIGHT_BINS - 1)
                counts += np.bincount(found.kappa * WEIGHT_BINS + place, minlength=counts.size).reshape(counts.shape)
                n += 1
        kappa, bins = np.nonzero(counts)
        columns = {"configuration": configuration, "kappa": kappa}
        columns |= {"weight_lo": edges[bins], "weight_hi": edges[bins + 1]}
        tables.append(pd.DataFrame(columns | {"count": counts[kappa, bins], "n": n}))
    return add_context(pd.concat(tables, ignore_index=True), results)


def _count_steps(config: Row) -> int | None:
    """Return the number of steps of the training's attack; None if its method states none."""
    method = config.get("method")
    attack = method.get("attack") if isinstance(method, dict) else None
    steps = attack.get("steps") if isinstance(attack, dict) else None
    return steps if isinstance(steps, int) else None


def _read_joint(instances: Instances | None) -> _Joint | None:
    """Return κ and weight of each visit that both were recorded of, in no burn-in; None without any."""
    if instances is None or "weight" not in instances or "kappa" not in instances:
        return None
    weight, kappa = instances["weight"], instances["kappa"]
    known = np.isfinite(weight) & np.isfinite(kappa)
    return _Joint(kappa[known].astype(int), weight[known]) if known.any() else None


def _read_constant(instances: Instances | None) -> _Joint | None:
    """Return κ of each visit of a training without weights, with weight 1; None if it has weights or counts no κ."""
    if instances is None or "weight" in instances or "kappa" not in instances:
        return None
    kappa = instances["kappa"]
    known = kappa[np.isfinite(kappa)].astype(int)
    return _Joint(known, np.ones(len(known)))
