"""Agreement between clean or attacked images and corrupted ones on which are hard (Liu et al. 2021, Table 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.results.instances import Instances
from analysis.results.sweep import Sweep
from trainers.record_io import Row
from trainers.scores import difficulty, normalized_rank

CLEAN = "clean"
Measure = Callable[[np.ndarray, np.ndarray], float]


class ViewRanks(NamedTuple):
    """One training's ranks of the test examples under each view of them."""

    name: str  # of its configuration
    seed: int
    config: Row
    ranks: dict[str, np.ndarray]  # clean, an attack or a corruption -> (N,) in [0, 1], 1 the hardest


def compare_corrupted(results: Sweep, measure: Measure) -> dict[str, pd.DataFrame]:
    """Return a table for each configuration that is trained on clean images: a column a corruption, a row other images.

    Difficulty under a corruption is measured by the networks trained on clean images, on corrupted test images along
    training. A row is the difficulty of clean or attacked test images for the same networks, or of attacked images for
    networks trained on attacked images that differ in the method alone. These are the rows FGSM and PGD of the paper,
    whose text leaves open which of the two networks it means. Entries are means over pairs of trainings of different
    seeds.
    """
    trainings = _trainings(results)
    attacks = {"pgd", *results.plan.get("evaluate", {}).get("loss_attacks", {})}
    tables: dict[str, pd.DataFrame] = {}
    for name in dict.fromkeys(training.name for training in trainings if not _attacks(training.config)):
        clean = [training for training in trainings if training.name == name]
        columns = sorted({view for training in clean for view in training.ranks} - attacks - {CLEAN})
        rows: dict[str, list[float]] = {}
        setting = _without_method(clean[0].config)
        for other in dict.fromkeys(found.name for found in trainings if _without_method(found.config) == setting):
            others = [training for training in trainings if training.name == other]
            wanted = sorted(attacks) if _attacks(others[0].config) else [CLEAN, *sorted(attacks)]
            for view in (view for view in wanted if any(view in training.ranks for training in others)):
                rows[f"{other}: {view}"] = [_compare(clean, others, column, view, measure) for column in columns]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).dropna(how="all")
        if table.size:
            tables[name] = table
    return tables


def _compare(clean: list[ViewRanks], others: list[ViewRanks], column: str, view: str, measure: Measure) -> float:
    """Return the mean of a measure over pairs of different seeds; NaN if there is no such pair."""
    found = [
        measure(one.ranks[column], other.ranks[view])
        for one in clean
        for other in others
        if one.seed != other.seed and column in one.ranks and view in other.ranks
    ]
    return float(np.mean(found)) if found else float("nan")


def _trainings(results: Sweep) -> list[ViewRanks]:
    """Return the completed trainings that recorded losses of test examples."""
    configs = {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    found = []
    for trial in results.completed.to_dict("records"):
        instances = results.instances(trial["id"])
        ranks = {} if instances is None else _rank_views(instances)
        if ranks:
            found.append(ViewRanks(str(trial["name"]), int(trial["seed"]), configs[trial["id"]], ranks))
    return found


def _rank_views(instances: Instances) -> dict[str, np.ndarray]:
    """Return a training's ranks of the test examples under each view of them: CLEAN, an attack or a corruption."""
    losses = [name for name in instances if name.startswith("test_") and name.endswith("_loss")]
    views = [CLEAN if name == "test_loss" else name.removeprefix("test_").removesuffix("_loss") for name in losses]
    ranks = [normalized_rank(difficulty({"loss": instances[name]})) for name in losses]
    return dict(zip(views, ranks, strict=True))


def _attacks(config: Row) -> bool:
    """Return whether a training attacks its images."""
    return bool(config.get("method", {}).get("attack", {}).get("name") != "none")


def _without_method(config: Row) -> Row:
    """Return a configuration without its method and seed."""
    return {key: value for key, value in config.items() if key not in ("method", "seed")}
