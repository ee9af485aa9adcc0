"""The difficulty that weights, targets and epsilons are set against: that of PGD trainings other than the one judged.

Liu et al. 2021, Figures 13, 14, 18 and 19. Judged by its own losses a training would be set against its own luck, and
one by ATTA against the very examples that its weights have let go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.difficulty import GROUPS, assign_groups, compute_group_means, read_rankings
from analysis.exceptions import SweepError
from analysis.instances import Instances, locate, read_ranking
from analysis.masking import is_plain
from analysis.results import Results
from trainers.scores import d as difficulty_d
from trainers.scores import difficulty, normalized_rank

CURVES = ("weight", "epsilon", "t_y", "t_max")
MOST = 0.5  # of a training's examples, more of which must be ranked
LAST = ("epsilon", "t_max")  # of which a training's last epoch counts; of others the mean over epochs
NONE = (
    "need the difficulty of a PGD training of another seed, on the same examples and labels, and this sweep has none: "
    "add a configuration `method: pgd-at`, or give the ranking that another sweep made by PGD training, "
    "--ranking results/<sweep>/profile/<ranking>.npz"
)


class Reference(NamedTuple):
    """A difficulty of examples."""

    seed: int | None  # of the training whose it is; None of a ranking by several
    examples: np.ndarray  # (N,) their indices
    y: np.ndarray  # (N,) labels as given
    d: np.ndarray  # (N,) in [0, 1], 0 the hardest


class References(NamedTuple):
    """The difficulties that a sweep's trainings may be set against."""

    what: str  # they are, in words
    found: Sequence[Reference]
    file: Path | None = None  # that they were read from

    def d(self, instances: Instances, seed: int) -> np.ndarray | None:
        """The difficulty of a training's examples, (N,), NaN of those that were held out where it was found.

        None where no other training ranks most of them, with their labels.
        """
        fitting = []
        for it in self.found:
            place = locate(instances.index, it.examples)
            known = place >= 0
            if it.seed == seed or known.mean() <= MOST or not np.array_equal(it.y[place[known]], instances.y[known]):
                continue
            fitting.append(np.where(known, it.d[place], np.nan))
        if not fitting:
            return None
        mean = np.mean(fitting, axis=0)
        known = np.isfinite(mean)
        mean[known] = normalized_rank(mean[known])
        return mean


def find_references(results: Results, file: Path | None = None) -> References:
    """The ranking in a file, else those that PGD trainings made for this sweep, else its own PGD trainings.

    Raises SweepError where the file is no ranking by difficulty.
    """
    if file is not None:
        ranking = read_ranking(file, "", "difficulty", results.damage)
        if ranking is None or "difficulty" not in ranking.ranks:
            found = "it is missing or damaged" if ranking is None else f"it ranks by {', '.join(ranking.ranks)}"
            raise SweepError(
                f"--ranking {file}: no ranking by difficulty: {found}; give profile/<ranking>.npz of a sweep"
            )
        d = 1 - ranking.ranks["difficulty"]
        return References(str(file), [Reference(None, ranking.index, ranking.y, d)], file)
    configs = {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    made = [
        Reference(None, it.index, it.y, 1 - it.ranks["difficulty"])
        for it in read_rankings(results)
        if "difficulty" in it.ranks and it.trials and all(is_pgd(configs.get(trial, {})) for trial in it.trials)
    ]
    if made:
        return References("the PGD trainings of `profile`", made)
    own = []
    for trial in results.completed.to_dict("records"):
        config = configs[trial["id"]]
        if is_pgd(config) and config.get("subset", {}).get("name") == "all":
            own += _of_training(results.instances(trial["id"]), int(trial["seed"]))
    return References("the sweep's PGD trainings of other seeds", own)


def _of_training(instances: Instances | None, seed: int) -> list[Reference]:
    if instances is None or "loss" not in instances.curves:
        return []
    losses = difficulty(instances.curves)
    known = np.isfinite(losses).all()
    return [Reference(seed, instances.index, instances.y, difficulty_d(losses))] if known else []


def is_pgd(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is PGD training as Madry et al. 2018 have it: no ATTA, FGSM, FAT or targeted training."""
    attack = (config.get("method") or {}).get("attack") or {}
    start = attack.get("start")
    goes_on = isinstance(start, Mapping) and start.get("name") == "previous"  # from the last visit's perturbation
    early = attack.get("tau") is not None or attack.get("toward") is not None
    return is_plain(config) and attack.get("steps", 0) > 1 and not goes_on and not early


class DifficultyCorrelations(NamedTuple):
    """How what was recorded of each example goes with its difficulty; configurations are rows, means over seeds."""

    correlations: dict[str, pd.DataFrame]  # a curve -> its correlation with d (1: easiest)
    groups: pd.DataFrame  # the mean of t_max at the last epoch over the groups of difficulty, G0 the hardest
    without: list[str]  # curves of which some training recorded one that is set against nothing


def correlate_with_difficulty(results: Results, them: References) -> DifficultyCorrelations:
    """Set the weights, epsilons and targets of all trainings against difficulty; each record is read once.

    Liu et al. 2021 print .844 of the epsilon at the end (Fig. 13), .89 of the mean weight (Fig. 18) and .96 of the mean
    target of the label (Fig. 19); the largest entry of a self-adaptive target is about 1 of the easiest group and about
    .4 of the hardest (Fig. 14).
    """
    rows: dict[str, dict[str, list[float]]] = {curve: {} for curve in CURVES}
    means: dict[str, list[np.ndarray]] = {}
    without: dict[str, None] = {}
    for trial in results.completed.to_dict("records"):
        instances, name = results.instances(trial["id"]), str(trial["name"])
        curves = {} if instances is None else {it: instances.curves[it] for it in CURVES if it in instances.curves}
        d = them.d(instances, int(trial["seed"])) if instances is not None and curves else None
        if d is None:
            without |= dict.fromkeys(curves)
            continue
        for curve, values in curves.items():
            rows[curve].setdefault(name, []).append(_correlation(d, _of_each(curve, values)))
        if "t_max" in curves:
            known = np.isfinite(d)
            means.setdefault(name, []).append(
                compute_group_means(curves["t_max"][-1:, known], assign_groups(d[known]))[:, 0]
            )
    tables = {curve: _means({name: np.array(its) for name, its in found.items()}) for curve, found in rows.items()}
    table = {name: np.mean(each, axis=0) for name, each in means.items()}
    columns = [f"G{group}" for group in range(GROUPS)]
    return DifficultyCorrelations(
        {curve: table for curve, table in tables.items() if len(table)},
        pd.DataFrame.from_dict(table, orient="index", columns=columns),
        list(without),
    )


def _of_each(curve: str, values: np.ndarray) -> np.ndarray:
    """What a curve comes to for each example, (T, N) -> (N,)."""
    return values[-1] if curve in LAST else difficulty({"loss": values})  # the mean over epochs, whatever it is of


def _correlation(d: np.ndarray, values: np.ndarray) -> float:
    both = np.isfinite(values) & np.isfinite(d)
    if both.sum() < 2 or not (np.ptp(values[both]) and np.ptp(d[both])):
        return float("nan")
    return float(np.corrcoef(d[both], values[both])[0, 1])


def _means(rows: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({"correlation": {name: float(values.mean()) for name, values in rows.items()}}, dtype=float)
