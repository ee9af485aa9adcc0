"""How alike clean and attacked images are to corrupted ones in which of them are hard (Liu et al. 2021, Table 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.results import Results
from trainers.records import Row
from trainers.scores import difficulty, normalized_rank

CLEAN = "clean"
Measure = Callable[[np.ndarray, np.ndarray], float]


class ViewRanks(NamedTuple):
    """One training, and how it ranks the test examples under each view of them."""

    name: str  # of its configuration
    seed: int
    config: Row
    ranks: dict[str, np.ndarray]  # clean, an attack or a corruption -> (N,) in [0, 1], 1 the hardest


def compare_corrupted(results: Results, measure: Measure) -> dict[str, pd.DataFrame]:
    """A table for each configuration that is trained on clean images: a column a corruption, a row other images.

    Difficulty under a corruption is that of the networks trained on clean images, measured on corrupted test images
    along training. A row is the difficulty of clean or attacked test images in the eyes of the same networks, or of
    attacked ones in the eyes of networks trained on attacked images that differ in the method alone: the rows FGSM and
    PGD of the paper, whose text leaves open by which of both. Means over pairs of trainings of different seeds.
    """
    seen = _trainings(results)
    attacks = {"pgd", *results.plan.get("evaluate", {}).get("loss_attacks", {})}
    tables: dict[str, pd.DataFrame] = {}
    for name in dict.fromkeys(it.name for it in seen if not _attacks(it.config)):
        own = [it for it in seen if it.name == name]
        columns = sorted({view for it in own for view in it.ranks} - attacks - {CLEAN})
        rows: dict[str, list[float]] = {}
        for other in dict.fromkeys(it.name for it in seen if _apart(it.config) == _apart(own[0].config)):
            theirs = [it for it in seen if it.name == other]
            wanted = sorted(attacks) if _attacks(theirs[0].config) else [CLEAN, *sorted(attacks)]
            for view in (view for view in wanted if any(view in it.ranks for it in theirs)):
                rows[f"{other}: {view}"] = [_between(own, theirs, column, view, measure) for column in columns]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).dropna(how="all")
        if table.size:
            tables[name] = table
    return tables


def _between(own: list[ViewRanks], theirs: list[ViewRanks], column: str, view: str, measure: Measure) -> float:
    """The mean over pairs of different seeds; NaN where there is none."""
    found = [
        measure(one.ranks[column], other.ranks[view])
        for one in own
        for other in theirs
        if one.seed != other.seed and column in one.ranks and view in other.ranks
    ]
    return float(np.mean(found)) if found else float("nan")


def _trainings(results: Results) -> list[ViewRanks]:
    """The completed trainings that recorded losses of test examples."""
    configs = {trial["id"]: trial.get("config", {}) for trial in results.plan["trials"]}
    found = []
    for trial in results.completed.to_dict("records"):
        instances = results.instances(trial["id"])
        curves = {} if instances is None else instances.curves
        views = {CLEAN if name == "test_loss" else name.removeprefix("test_").removesuffix("_loss"): values
                 for name, values in curves.items() if name.startswith("test_") and name.endswith("_loss")}  # fmt: skip
        ranks = {view: normalized_rank(difficulty({"loss": values})) for view, values in views.items()}
        if ranks:
            found.append(ViewRanks(str(trial["name"]), int(trial["seed"]), configs[trial["id"]], ranks))
    return found


def _attacks(config: Row) -> bool:
    """Whether a training attacks its images."""
    return bool(config.get("method", {}).get("attack", {}).get("name") != "none")


def _apart(config: Row) -> Row:
    """A configuration but for its method."""
    return {key: value for key, value in config.items() if key not in ("method", "seed")}
