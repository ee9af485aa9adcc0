"""The rankings of a sweep's examples, made by its profiling, and the images of the ranked examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.results.axes import Axes
from analysis.results.instances import has_one_each, locate, read_example_arrays
from trainers.checking import check_component
from trainers.npz import read_arrays
from trainers.record_io import Row
from trainers.record_reader import Damage
from trainers.terminal.text import escape_controls

RANKING_COLUMNS = ("ranking", "setting", "index", "y", "y_clean", "rank")


def read_rankings(folder: Path, plan: Row, axes: Axes, damage: Damage) -> list[Ranking]:
    """Read all rankings that a sweep's profiling made, each by the score that its subsets are cut by.

    Damaged rankings are left out and added to `damage`.
    """
    found: dict[str, Ranking | None] = {}
    titles = describe_rankings(plan, axes)
    for trial in sorted(plan["trials"], key=lambda trial: trial["kind"] == "profile"):
        name = trial.get("ranks")
        if name and name not in found:
            path = folder / "profile" / f"{name}.npz"
            found[name] = read_ranking(path, titles[name], _score(trial.get("config", {}).get("subset")), damage)
    return [ranking for ranking in found.values() if ranking is not None]


def describe_rankings(plan: Row, axes: Axes) -> dict[str, str]:
    """Describe each ranking: its problem, and the values of the axes it follows that its trials have in common."""
    trials = sorted(plan["trials"], key=lambda trial: trial["kind"] == "profile")
    makers = {trial["ranks"]: trial["axes"] for trial in trials if trial["kind"] == "profile"}
    found: dict[str, str] = {}
    for trial in trials:
        name = trial.get("ranks")
        if name and name not in found:
            users = [row["axes"] for row in trials if row.get("ranks") == name and row["kind"] != "profile"]
            made_with = makers.get(name, {})
            shared = {path for path in made_with if all(labels.get(path) == made_with[path] for labels in users)}
            paths = [path for path in axes.varying if path in axes.data or path in shared]
            found[name] = axes.describe(trial["axes"], paths)
    return found


def _score(subset: Any) -> str:
    """Return the score a subset is cut by: the given one, else difficulty for easiest and hardest, else instability."""
    given = subset if isinstance(subset, dict) else {}
    return str(given.get("score") or ("difficulty" if given.get("side") in ("easiest", "hardest") else "instability"))


@dataclass(frozen=True)
class Ranking:
    """An order of the training examples from friendliest (0) to most problematic (1), by one of its scores."""

    name: str  # of the file
    setting: str  # the problem it ranks, by the axes that define it; empty if there is only one
    score: str
    index: np.ndarray  # (N,)
    y: np.ndarray  # (N,) labels as given
    y_clean: np.ndarray  # (N,) labels before any was flipped
    ranks: dict[str, np.ndarray]  # score -> (N,) in [0, 1]
    trials: tuple[str, ...]  # the profiling trials it comes from

    @property
    def title(self) -> str:
        """The name for readers."""
        return self.setting or "profile"

    @property
    def rank(self) -> np.ndarray:
        """The rank by the ranking's own score, (N,)."""
        return self.ranks[self.score]

    @property
    def flipped(self) -> np.ndarray:
        """A mask of the flipped labels, (N,) bool."""
        return np.asarray(self.y != self.y_clean)


def read_ranking(path: Path, setting: str, score: str, damage: Damage) -> Ranking | None:
    """Read a ranking file; None if it is missing, damaged, or has no ranks. Without `score`, its first score ranks."""
    arrays = read_example_arrays(path, damage) or {}
    ranks = {name.removeprefix("rank_"): arrays[name] for name in arrays if name.startswith("rank_")}
    if not ranks:
        return None
    if not all(has_one_each(values, arrays["index"]) and np.isfinite(values).all() for values in ranks.values()):
        damage.add(path, "its ranks are not one number for each example")
        return None
    score = score if score in ranks else next(iter(ranks))
    y = arrays["y"]
    trials = _makers(str(arrays.get("provenance", "{}")))
    return Ranking(path.stem, setting, score, arrays["index"], y, arrays.get("y_clean", y), ranks, trials)


def tabulate_rankings(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """Return a row an example of each ranking, with its rank by the ranking's own score and by each score.

    `ranking` is the name of the file, `setting` its problem, and `index` the position of the example in the original
    training set. Ranks are in [0, 1], 0 the friendliest.
    """
    tables = [
        pd.DataFrame(
            {"ranking": ranking.name, "setting": ranking.setting, "index": ranking.index, "y": ranking.y}
            | {"y_clean": ranking.y_clean, "rank": ranking.rank}
            | {f"rank_{score}": ranks for score, ranks in ranking.ranks.items()}
        )
        for ranking in rankings
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(RANKING_COLUMNS))


def read_images(path: Path, index: np.ndarray, damage: Damage) -> np.ndarray | None:
    """Read the uint8 images (N, H, W, C) of some examples, in that order; None if any is missing or damaged."""
    arrays = read_arrays(path, damage)
    if arrays is None:
        return None
    x, known = arrays.get("x", np.empty(0)), arrays.get("index", np.empty(0))
    if x.dtype != np.uint8 or x.ndim != 4 or known.shape != (len(x),):
        damage.add(path, "it holds no images of 8 bits with an index each")
        return None
    place = locate(index, known)
    return None if (place < 0).any() else x[place]


class Adversaries(NamedTuple):
    """Adversaries of some ranked examples, and what the network predicts there."""

    x: np.ndarray  # (..., H, W, C) uint8
    predicted: np.ndarray  # (...) classes
    attack: str  # in words
    trial: str  # the training whose network was attacked


def read_adversaries(path: Path, index: np.ndarray, damage: Damage) -> Adversaries | None:
    """Read the adversaries of some examples (...), in that order; None if any is missing or damaged."""
    arrays = read_arrays(path, damage)
    if arrays is None:
        return None
    x, known, predicted = (arrays.get(name, np.empty(0)) for name in ("x", "index", "predicted"))
    if x.dtype != np.uint8 or x.ndim != 4 or {known.shape, predicted.shape} != {(len(x),)}:
        damage.add(path, "it holds no images of 8 bits with an index and a predicted class each")
        return None
    place = locate(index.ravel(), known).reshape(index.shape)
    if (place < 0).any():
        return None
    attack, trial = (escape_controls(str(arrays.get(name, ""))) for name in ("attack", "trial"))
    return Adversaries(x[place], predicted[place].astype(int), attack, trial)


def _makers(text: str) -> tuple[str, ...]:
    """Return the trainings that a ranking says it was made from; none if it does not say."""
    try:
        trials = json.loads(text).get("trials", ())
        return tuple(trial for trial in trials if check_component(trial) is None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ()
