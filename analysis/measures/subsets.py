"""The subsets of a sweep: accuracy against their sizes, and the classes of their examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.classes import name_class
from analysis.measures.constant_networks import drop_constant
from analysis.measures.tidy import group_by_setting
from analysis.results.rankings import describe_rankings
from analysis.results.sweep import Sweep


def count_classes(results: Sweep) -> pd.DataFrame:
    """Count the examples of each class in each subset, averaged over seeds (a random subset differs between them)."""
    rows = []
    titles = describe_rankings(results.plan, results.axes)
    ranks = {trial["id"]: trial.get("ranks") for trial in results.plan["trials"]}
    for row in results.study_trials.itertuples():
        outcome = results.outcomes.get(str(row.id), {})
        subset = outcome.get("subset")
        if subset and subset.get("class_counts"):
            setting = titles.get(ranks[row.id] or "", row.setting)
            line = {"setting": setting, "subset": row.subset_label or row.subset_kind}
            line |= {"size": subset["size"], "flipped_in": subset.get("flipped_in", np.nan)}
            line |= {"flipped_out": subset.get("flipped_out", np.nan)}
            names = results.class_names[str(row.id)]
            counts = {f"class {name_class(c, names)}": count for c, count in enumerate(subset["class_counts"])}
            rows.append(line | counts)
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).groupby(["setting", "subset"], sort=False).mean().reset_index()


def tabulate_sizes(results: Sweep, metric: str) -> pd.DataFrame:
    """Tabulate accuracy by the subset's size: mean, s.e. (`_sem`) and `_count` for both checkpoints.

    Configurations with a constant network are left out.
    """
    done = drop_constant(results.completed)
    keys = ["setting", "family", "subset_kind", "subset_size"]
    columns = [f"{checkpoint}_{metric}" for checkpoint in ("best", "last")]
    if done["subset_size"].isna().all() or not set(columns) <= set(done.columns):
        return pd.DataFrame(columns=keys)
    table = done.groupby(keys, sort=False)[columns].agg(["mean", "sem", "count"])
    table.columns = ["_".join(pair) for pair in table.columns]
    panel = table.groupby(["setting", "family"], sort=False).ngroup()  # as the axes order them, not the alphabet
    return table.assign(panel=panel).reset_index().sort_values(["panel", "subset_size"], kind="stable")


class SizeLine(NamedTuple):
    """Accuracy of one kind of subset against its size k."""

    kind: str
    k: np.ndarray  # (n,)
    selected: np.ndarray  # (n, 2) mean and s.e. at the epoch selected on validation
    last: np.ndarray  # (n, 2)


class Sizes(NamedTuple):
    """Accuracies against size, with a panel per setting and method."""

    y_title: str
    panels: dict[tuple[str, str], list[SizeLine]]  # (setting, method)

    def take(self, rows: Sequence[int]) -> Sizes:
        """Return some of the panels."""
        panels = list(self.panels.items())
        return self._replace(panels=dict(panels[row] for row in rows))


def collect_sizes(table: pd.DataFrame, metric: str, y_title: str) -> Sizes | None:
    """Collect from `tabulate_sizes` the panels in which some kind has two sizes; None without any."""
    if table.empty:
        return None
    panels: dict[tuple[str, str], list[SizeLine]] = {}
    several_sizes = table.groupby(["setting", "family", "subset_kind"])["subset_size"].transform("size") > 1
    drawn = several_sizes.groupby([table["setting"], table["family"]]).transform("any")
    for (setting, family, kind), found in table[drawn].groupby(["setting", "family", "subset_kind"], sort=False):
        columns = {c: found[[f"{c}_{metric}_mean", f"{c}_{metric}_sem"]].to_numpy() for c in ("best", "last")}
        line = SizeLine(str(kind), found["subset_size"].to_numpy(), columns["best"], columns["last"])
        panels.setdefault((str(setting), str(family)), []).append(line)
    keys = list(panels)
    grouped = [keys[place] for place in group_by_setting([setting for setting, _ in keys])]
    return Sizes(y_title, {key: panels[key] for key in grouped}) if panels else None
