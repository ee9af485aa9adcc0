"""The rankings of a sweep: how they rank flipped labels and classes, and how the ranked groups train."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.classes import name_class
from analysis.instances import Instances, Ranking, locate, read_ranking
from analysis.results import Results
from trainers.scores import top_membership

GROUPS = 10
CURVES = {
    "loss": "loss",
    "correct": "accuracy (%)",
    "feature_norm": "feature norm",
    "t_max": "largest entry of the target",
}


class Detection(NamedTuple):
    """The quality of a ranking as a detector of flipped labels."""

    flipped: int
    found: float  # how many are among the `flipped` most problematic examples; ties at the edge count on average
    auc: float  # probability that a flipped example ranks above one that is not


class GroupCurves(NamedTuple):
    """Means over the examples of each difficulty group G0 (hardest) to G9, and over profiling trials."""

    curves: dict[str, np.ndarray]  # name -> (10, T)
    errors: dict[str, np.ndarray]  # name -> (10, T) standard errors over the trials, NaN for one
    sizes: np.ndarray  # (10,)
    trials: int


def read_rankings(results: Results) -> list[Ranking]:
    """Read all rankings that the sweep's profiling made, each by the score that its subsets are cut by."""
    found: dict[str, Ranking | None] = {}
    titles = _ranking_settings(results)
    for trial in sorted(results.plan["trials"], key=lambda trial: trial["kind"] == "profile"):
        name = trial.get("ranks")
        if name and name not in found:
            path = results.folder / "profile" / f"{name}.npz"
            found[name] = read_ranking(
                path, titles[name], _score(trial.get("config", {}).get("subset")), results.damage
            )
    return [ranking for ranking in found.values() if ranking is not None]


def find_class_names(results: Results, ranking: Ranking) -> tuple[str, ...]:
    """Return the class names of a ranking's examples, from the trials that made the ranking or use it."""
    trials = (str(trial["id"]) for trial in results.plan["trials"] if trial.get("ranks") == ranking.name)
    return results.class_names.get(next(trials, ""), ())


def _ranking_settings(results: Results) -> dict[str, str]:
    """Describe each ranking: its problem, and the values of the axes it follows that its trials have in common."""
    trials = sorted(results.plan["trials"], key=lambda trial: trial["kind"] == "profile")
    makers = {trial["ranks"]: trial["axes"] for trial in trials if trial["kind"] == "profile"}
    found: dict[str, str] = {}
    for trial in trials:
        name = trial.get("ranks")
        if name and name not in found:
            users = [row["axes"] for row in trials if row.get("ranks") == name and row["kind"] != "profile"]
            made_with = makers.get(name, {})
            shared = {path for path in made_with if all(axes.get(path) == made_with[path] for axes in users)}
            paths = [path for path in results.axes.varying if path in results.axes.data or path in shared]
            found[name] = results.axes.describe(trial["axes"], paths)
    return found


def _score(subset: Any) -> str:
    """Return the score a subset is cut by: the given one, else difficulty for easiest and hardest, else instability."""
    given = subset if isinstance(subset, dict) else {}
    return str(given.get("score") or ("difficulty" if given.get("side") in ("easiest", "hardest") else "instability"))


def read_profiles(results: Results, ranking: Ranking) -> list[Instances]:
    """Read the per-example records of the trials from which a ranking was computed."""
    found = [results.instances(trial) for trial in ranking.trials]
    return [instances for instances in found if instances is not None]


def measure_detection(rank: np.ndarray, is_flipped: np.ndarray) -> Detection | None:
    """Measure how well a ranking puts flipped labels last; None if no label, or every label, is flipped."""
    n = int(is_flipped.sum())
    if n in (0, len(rank)):
        return None
    ordinal = pd.Series(rank).rank().to_numpy()
    auc = (ordinal[is_flipped].sum() - n * (n + 1) / 2) / (n * (len(rank) - n))
    return Detection(n, float(top_membership(rank, n) @ is_flipped), float(auc))


def assign_groups(d: np.ndarray) -> np.ndarray:
    """Assign each example to a group by its difficulty d: G_i with i = min(floor(10 d), 9); G_0 is the hardest.

    Liu et al. 2021, sec. 4.2. Their text to Figure 14 numbers the groups in the opposite order.
    """
    return np.asarray(np.minimum(np.floor(GROUPS * d).astype(int), GROUPS - 1))


def compute_difficulty(ranking: Ranking) -> np.ndarray:
    """Return d in [0, 1], 0 the hardest: one minus the rank by mean loss, else by the ranking's own score."""
    return 1 - ranking.ranks.get("difficulty", ranking.rank)


def compute_group_curves(results: Results, ranking: Ranking) -> GroupCurves | None:
    """Average the loss, accuracy under attack and feature norm of each group along training; None without records."""
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
    errors = {name: _standard_errors(curves) for name, curves in whole.items()}
    return GroupCurves(means, errors, np.bincount(group, minlength=GROUPS), len(records))


def _standard_errors(curves: np.ndarray) -> np.ndarray:
    """Return the standard errors over the first axis; NaN if it has length one."""
    n = len(curves)
    return np.asarray(curves.std(axis=0, ddof=1) / np.sqrt(n)) if n > 1 else np.full(curves.shape[1:], np.nan)


def compute_group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Average (T, N) values over the examples of each group, without NaN: (10, T)."""
    members = np.eye(GROUPS)[group]  # (N, 10)
    known = np.isfinite(values)
    totals, counts = np.where(known, values, 0.0) @ members, known @ members
    means = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
    return np.asarray(means.T)


def correlate_scores(ranking: Ranking) -> pd.DataFrame:
    """Return Spearman's correlation between the ranks of the examples by each score."""
    return pd.DataFrame(ranking.ranks).corr(method="spearman")


def count_classes(results: Results) -> pd.DataFrame:
    """Count the examples of each class in each subset, averaged over seeds (a random subset differs between them)."""
    rows = []
    titles, ranks = _ranking_settings(results), {trial["id"]: trial.get("ranks") for trial in results.plan["trials"]}
    for row in results.sweep.itertuples():
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


def tabulate_sizes(results: Results, metric: str) -> pd.DataFrame:
    """Tabulate accuracy by the subset's size: mean, s.e. (`_sem`) and `_count` for both checkpoints."""
    done = results.completed
    keys = ["setting", "family", "subset_kind", "subset_size"]
    columns = [f"{checkpoint}_{metric}" for checkpoint in ("best", "last")]
    if done["subset_size"].isna().all() or not set(columns) <= set(done.columns):
        return pd.DataFrame(columns=keys)
    table = done.groupby(keys, sort=False)[columns].agg(["mean", "sem", "count"])
    table.columns = ["_".join(pair) for pair in table.columns]
    panel = table.groupby(["setting", "family"], sort=False).ngroup()  # as the axes order them, not the alphabet
    return table.assign(panel=panel).reset_index().sort_values(["panel", "subset_size"], kind="stable")
