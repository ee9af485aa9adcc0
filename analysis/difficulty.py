"""The rankings of a sweep: what they say of flipped labels and classes, and how the ranked groups train."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.classes import name_class
from analysis.instances import Instances, Ranking, locate, read_ranking
from analysis.results import Results
from trainers.scores import in_top

GROUPS = 10
CURVES = {
    "loss": "loss",
    "correct": "accuracy (%)",
    "feature_norm": "feature norm",
    "t_max": "largest entry of the target",
}


class Detection(NamedTuple):
    """How well a ranking finds flipped labels."""

    flipped: int
    found: float  # how many of them are among as many most problematic examples; of ties at the edge, on average
    auc: float  # probability that a flipped example ranks above one that is not


class GroupCurves(NamedTuple):
    """Means over the examples of each difficulty group G0 (hardest) to G9, and over profiling trials."""

    curves: dict[str, np.ndarray]  # name -> (10, T)
    errors: dict[str, np.ndarray]  # name -> (10, T) standard errors over the trials, NaN of one
    sizes: np.ndarray  # (10,)
    trials: int


def read_rankings(results: Results) -> list[Ranking]:
    """All rankings that the sweep's profiling made, each by the score that its subsets are cut by."""
    found: dict[str, Ranking | None] = {}
    titles = _settings(results)
    for trial in sorted(results.plan["trials"], key=lambda trial: trial["kind"] == "profile"):
        name = trial.get("ranks")
        if name and name not in found:
            path = results.folder / "profile" / f"{name}.npz"
            found[name] = read_ranking(
                path, titles[name], _score(trial.get("config", {}).get("subset")), results.damage
            )
    return [ranking for ranking in found.values() if ranking is not None]


def find_class_names(results: Results, ranking: Ranking) -> tuple[str, ...]:
    """Return the names of the classes of a ranking's examples, from the trials that made it or that it cut."""
    trials = (str(trial["id"]) for trial in results.plan["trials"] if trial.get("ranks") == ranking.name)
    return results.class_names.get(next(trials, ""), ())


def _settings(results: Results) -> dict[str, str]:
    """What each ranking is of: the problem, and those values of the axes it follows that are its own alone."""
    trials = sorted(results.plan["trials"], key=lambda trial: trial["kind"] == "profile")
    makers = {trial["ranks"]: trial["axes"] for trial in trials if trial["kind"] == "profile"}
    found: dict[str, str] = {}
    for trial in trials:
        name = trial.get("ranks")
        if name and name not in found:
            cut = [it["axes"] for it in trials if it.get("ranks") == name and it["kind"] != "profile"]
            own = {path for path, its in makers.get(name, {}).items() if all(axes.get(path) == its for axes in cut)}
            paths = [path for path in results.axes.varying if path in results.axes.data or path in own]
            found[name] = results.axes.describe(trial["axes"], paths)
    return found


def _score(subset: Any) -> str:
    """The score a subset is cut by: its own, else difficulty for easiest and hardest, instability for the others."""
    given = subset if isinstance(subset, dict) else {}
    return str(given.get("score") or ("difficulty" if given.get("side") in ("easiest", "hardest") else "instability"))


def read_profiles(results: Results, ranking: Ranking) -> list[Instances]:
    """The per-example records of the trials a ranking comes from."""
    found = [results.instances(trial) for trial in ranking.trials]
    return [instances for instances in found if instances is not None]


def measure_detection(rank: np.ndarray, is_flipped: np.ndarray) -> Detection | None:
    """How many flipped labels a ranking puts last; None where none is flipped."""
    n = int(is_flipped.sum())
    if n in (0, len(rank)):
        return None
    ordinal = pd.Series(rank).rank().to_numpy()
    auc = (ordinal[is_flipped].sum() - n * (n + 1) / 2) / (n * (len(rank) - n))
    return Detection(n, float(in_top(rank, n) @ is_flipped), float(auc))


def assign_groups(d: np.ndarray) -> np.ndarray:
    """Group of each example by its difficulty d: G_i with i = min(floor(10 d), 9); G_0 is hardest.

    Liu et al. 2021, sec. 4.2; their text to Figure 14 numbers the groups the other way round.
    """
    return np.asarray(np.minimum(np.floor(GROUPS * d).astype(int), GROUPS - 1))


def compute_difficulty(ranking: Ranking) -> np.ndarray:
    """d in [0, 1], 0 the hardest: one minus the rank by mean loss, else by the ranking's own score."""
    return 1 - ranking.ranks.get("difficulty", ranking.rank)


def compute_group_curves(results: Results, ranking: Ranking) -> GroupCurves | None:
    """Loss, accuracy under attack and feature norm of each group along training; None without records."""
    group = assign_groups(compute_difficulty(ranking))
    found: dict[str, list[np.ndarray]] = {}
    records = read_profiles(results, ranking)
    for instances in records:
        place = locate(ranking.index, instances.index)
        known = place >= 0
        for name in CURVES:
            if name in instances.curves:
                curve = instances.curves[name][:, place[known]]
                found.setdefault(name, []).append(compute_group_means(curve, group[known]))
    if not found:
        return None
    shortest = {name: min(curve.shape[1] for curve in curves) for name, curves in found.items()}
    whole = {name: np.stack([curve[:, : shortest[name]] for curve in curves]) for name, curves in found.items()}
    means = {name: curves.mean(axis=0) for name, curves in whole.items()}
    errors = {name: _sem(curves) for name, curves in whole.items()}
    return GroupCurves(means, errors, np.bincount(group, minlength=GROUPS), len(records))


def _sem(curves: np.ndarray) -> np.ndarray:
    """The standard error over the first axis; NaN of one."""
    n = len(curves)
    return np.asarray(curves.std(axis=0, ddof=1) / np.sqrt(n)) if n > 1 else np.full(curves.shape[1:], np.nan)


def compute_group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Means of (T, N) values over the examples of each group, leaving NaN out: (10, T)."""
    members = np.eye(GROUPS)[group]  # (N, 10)
    known = np.isfinite(values)
    totals, counts = np.where(known, values, 0.0) @ members, known @ members
    means = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
    return np.asarray(means.T)


def correlate_scores(ranking: Ranking) -> pd.DataFrame:
    """Spearman's correlation between the scores' ranks of the examples."""
    return pd.DataFrame(ranking.ranks).corr(method="spearman")


def count_classes(results: Results) -> pd.DataFrame:
    """What each subset consists of, averaged over the seeds (a random subset differs between them)."""
    rows = []
    titles, ranks = _settings(results), {trial["id"]: trial.get("ranks") for trial in results.plan["trials"]}
    for row in results.sweep.itertuples():
        outcome = results.outcomes.get(str(row.id), {})
        subset = outcome.get("subset")
        if subset and subset.get("class_counts"):
            setting = titles.get(ranks[row.id] or "", row.setting)
            line = {"setting": setting, "subset": row.subset_label or row.subset_kind}
            line |= {"size": subset["size"], "flipped_in": subset.get("flipped_in", np.nan)}
            line |= {"flipped_out": subset.get("flipped_out", np.nan)}
            names = results.class_names[str(row.id)]
            counted = {f"class {name_class(c, names)}": count for c, count in enumerate(subset["class_counts"])}
            rows.append(line | counted)
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).groupby(["setting", "subset"], sort=False).mean().reset_index()


def tabulate_sizes(results: Results, metric: str) -> pd.DataFrame:
    """Accuracy against the subset's size: mean, s.e. (`_sem`) and `_count` for both checkpoints."""
    done = results.completed
    keys = ["setting", "family", "subset_kind", "subset_size"]
    columns = [f"{checkpoint}_{metric}" for checkpoint in ("best", "last")]
    if done["subset_size"].isna().all() or not set(columns) <= set(done.columns):
        return pd.DataFrame(columns=keys)
    table = done.groupby(keys, sort=False)[columns].agg(["mean", "sem", "count"])
    table.columns = ["_".join(pair) for pair in table.columns]
    panel = table.groupby(["setting", "family"], sort=False).ngroup()  # as the axes order them, not the alphabet
    return table.assign(panel=panel).reset_index().sort_values(["panel", "subset_size"], kind="stable")
