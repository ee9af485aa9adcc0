"""The difficulty of examples in other PGD trainings, to which weights, targets and epsilons of a training are compared.

Liu et al. 2021, Figures 13, 14, 18 and 19. A training's own losses would share its noise, and those of an ATTA
training depend on which examples its weights neglect.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.example_scatter import correlate
from analysis.measures.group_means import GROUPS, assign_groups, compute_group_means
from analysis.measures.masking import is_plain
from analysis.results.choice import list_configs
from analysis.results.instances import Instances, locate
from analysis.results.rankings import Ranking, read_ranking
from analysis.results.sweep import Sweep
from trainers.scores import difficulty, normalized_rank
from trainers.scores import difficulty_d as difficulty_d

CURVES = ("weight", "epsilon", "t_y", "t_max")
LEAST_RANKED = 0.5  # of a training's examples; a reference must rank more than this
LAST = ("epsilon", "t_max")  # curves whose last epoch counts; for others it is the mean over epochs
NONE = (
    "need the difficulty of a PGD training of another seed, on the same examples and labels, and this sweep has none: "
    "add a configuration `method: pgd-at`, or give the ranking that another sweep made by PGD training, "
    "--ranking results/<sweep>/profile/<ranking>.npz"
)


class Reference(NamedTuple):
    """The difficulty of examples, by one training or a ranking."""

    seed: int | None  # of the training; None for a ranking by several
    examples: np.ndarray  # (N,) indices
    y: np.ndarray  # (N,) labels as given
    d: np.ndarray  # (N,) in [0, 1], 0 the hardest


class References(NamedTuple):
    """The difficulties that a sweep's trainings may be compared to."""

    description: str
    found: Sequence[Reference]
    file: Path | None = None  # from which they were read
    borrowed: Path | None = None  # the folder of the other sweep whose trainings they are

    def d(self, instances: Instances, seed: int) -> np.ndarray | None:
        """Return the difficulty of a training's examples, (N,), with NaN for those that the references held out.

        Return None if no other training ranks most of them, with the same labels.
        """
        fitting, index, y = [], instances.index, instances.y
        for reference in self.found:
            place = locate(index, reference.examples)
            known = place >= 0
            if reference.seed == seed or known.mean() <= LEAST_RANKED:
                continue
            if np.array_equal(reference.y[place[known]], y[known]):
                fitting.append(np.where(known, reference.d[place], np.nan))
        if not fitting:
            return None
        mean = np.mean(fitting, axis=0)
        known = np.isfinite(mean)
        mean[known] = normalized_rank(mean[known])
        return mean


def find_references(results: Sweep, file: Path | None = None) -> References:
    """Return the ranking in a file, else the rankings that PGD trainings made for this sweep, else its PGD trainings.

    Raises SweepError if the file is no ranking by difficulty.
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
    made = [
        Reference(None, ranking.index, ranking.y, 1 - ranking.ranks["difficulty"])
        for ranking in _list_plain_rankings(results)
    ]
    if made:
        return References("the PGD trainings of `profile`", made)
    trained = [
        reference
        for trial, seed in _list_plain_trainings(results)
        for reference in _reference_of(results.instances(trial), seed)
    ]
    return References("the sweep's PGD trainings of other seeds", trained)


def find_shared_references(results: Sweep, others: Sequence[Sweep]) -> References:
    """Return the references of a sweep itself, or if it has none those of the first other sweep that rank its examples.

    If no other ranks them, those of the first one with any are returned: under other labels, or of other data.
    """
    found = find_references(results)
    if found.found:
        return found
    for other in others:
        if other is not results and has_references(other):
            shared = find_references(other)
            shared = shared._replace(description=shared.description.replace("the sweep", other.study))
            if _rank_examples(shared, results):
                return shared._replace(borrowed=other.folder)
            found = found if found.found else shared
    return found


def _rank_examples(references: References, results: Sweep) -> bool:
    """Return whether references rank the examples of some training; one of each problem is looked at."""
    first = results.completed.drop_duplicates("problem")
    return any(
        (instances := results.instances(str(trial))) is not None and references.d(instances, int(seed)) is not None
        for trial, seed in first[["id", "seed"]].itertuples(index=False)
    )


def has_references(results: Sweep) -> bool:
    """Return whether a sweep has a PGD training that makes a ranking or trains on all examples; no array is read."""
    return bool(_list_plain_rankings(results) or _list_plain_trainings(results))


def _list_plain_rankings(results: Sweep) -> list[Ranking]:
    """Return the rankings by difficulty that plain PGD trainings made for a sweep."""
    configs = dict(list_configs(results))
    return [
        ranking
        for ranking in results.profile_rankings
        if "difficulty" in ranking.ranks
        and ranking.trials
        and all(is_plain(configs.get(trial, {})) for trial in ranking.trials)
    ]


def _list_plain_trainings(results: Sweep) -> list[tuple[str, int]]:
    """Return the id and seed of each completed plain PGD training on all examples."""
    configs = dict(list_configs(results))
    return [
        (str(trial), int(seed))
        for trial, seed in results.completed[["id", "seed"]].itertuples(index=False)
        if is_plain(configs[trial]) and configs[trial].get("subset", {}).get("name") == "all"
    ]


def _reference_of(instances: Instances | None, seed: int) -> list[Reference]:
    if instances is None or "loss" not in instances:
        return []
    losses = difficulty({"loss": instances["loss"]})
    known = np.isfinite(losses).all()
    return [Reference(seed, instances.index, instances.y, difficulty_d(losses))] if known else []


OWN = "the training's own losses"


def find_difficulty(instances: Instances, seed: int, references: References | None) -> np.ndarray | None:
    """Return the difficulty d in [0, 1] of a training's examples (N,), 0 the hardest; NaN, or None, if unknown.

    It is that of the references, or without them that of the training's own losses.
    """
    if references is not None:
        return references.d(instances, seed)
    if "loss" not in instances:
        return None
    losses = difficulty({"loss": instances["loss"]})
    d, known = np.full(len(losses), np.nan), np.isfinite(losses)
    d[known] = difficulty_d(losses[known])
    return d


def describe_source(references: References | None) -> str:
    """Return in words whose difficulty `find_difficulty` returns."""
    return OWN if references is None else references.description


class DifficultyCorrelations(NamedTuple):
    """The relation of per-example records to difficulty; a row a configuration, means over seeds."""

    correlations: dict[str, pd.DataFrame]  # curve -> its correlation with d (1: easiest)
    groups: pd.DataFrame  # the mean of t_max at the last epoch over the groups of difficulty, G0 the hardest
    without: list[str]  # curves that some training recorded and no reference fits


def correlate_with_difficulty(results: Sweep, references: References) -> DifficultyCorrelations:
    """Correlate the weights, epsilons and targets of all trainings with difficulty.

    Liu et al. 2021 print .844 of the epsilon at the end (Fig. 13), .89 of the mean weight (Fig. 18) and .96 of the mean
    target of the label (Fig. 19). The largest entry of a self-adaptive target is about 1 for the easiest group and
    about .4 for the hardest (Fig. 14).
    """
    rows: dict[str, dict[str, list[float]]] = {curve: {} for curve in CURVES}
    means: dict[str, list[np.ndarray]] = {}
    without: dict[str, None] = {}
    for trial in results.completed.to_dict("records"):
        instances, name = results.instances(trial["id"]), str(trial["name"])
        curves = [] if instances is None else [curve for curve in CURVES if curve in instances]
        d = references.d(instances, int(trial["seed"])) if instances is not None and curves else None
        if instances is None or d is None:
            without |= dict.fromkeys(curves)
            continue
        known = np.isfinite(d)
        for curve in curves:  # one at a time: all would not fit memory
            rows[curve].setdefault(name, []).append(correlate(d, reduce_epochs(curve, instances)))
            if curve == "t_max":
                grouped = compute_group_means(instances[curve][-1:, known], assign_groups(d[known]))
                means.setdefault(name, []).append(grouped[:, 0])
    tables = {
        curve: _mean_table({name: np.array(values) for name, values in found.items()}) for curve, found in rows.items()
    }
    table = {name: np.mean(each, axis=0) for name, each in means.items()}
    columns = [f"G{group}" for group in range(GROUPS)]
    return DifficultyCorrelations(
        {curve: table for curve, table in tables.items() if len(table)},
        pd.DataFrame.from_dict(table, orient="index", columns=columns),
        list(without),
    )


def reduce_epochs(curve: str, instances: Instances) -> np.ndarray:
    """Reduce a curve to one number for each example, (N,): its last value, or its mean over epochs."""
    return instances.read_last(curve) if curve in LAST else difficulty({"loss": instances[curve]})


def _mean_table(rows: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({"correlation": {name: float(values.mean()) for name, values in rows.items()}}, dtype=float)
