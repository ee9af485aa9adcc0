"""The rankings of a sweep's examples, made by its profiling, and the images of the ranked examples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.results.instances import has_one_each, locate, read_example_arrays
from analysis.results.sweep import Sweep
from trainers.checking import check_component
from trainers.npz import read_arrays
from trainers.record_reader import Damage


def read_rankings(results: Sweep) -> list[Ranking]:
    """Read all rankings that the sweep's profiling made, each by the score that its subsets are cut by."""
    found: dict[str, Ranking | None] = {}
    titles = describe_rankings(results)
    for trial in sorted(results.plan["trials"], key=lambda trial: trial["kind"] == "profile"):
        name = trial.get("ranks")
        if name and name not in found:
            path = results.folder / "profile" / f"{name}.npz"
            found[name] = read_ranking(
                path, titles[name], _score(trial.get("config", {}).get("subset")), results.damage
            )
    return [ranking for ranking in found.values() if ranking is not None]


def find_class_names(results: Sweep, ranking: Ranking) -> tuple[str, ...]:
    """Return the class names of a ranking's examples, from the trials that made the ranking or use it."""
    trials = (str(trial["id"]) for trial in results.plan["trials"] if trial.get("ranks") == ranking.name)
    return results.class_names.get(next(trials, ""), ())


def describe_rankings(results: Sweep) -> dict[str, str]:
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


def _makers(text: str) -> tuple[str, ...]:
    """Return the trainings that a ranking says it was made from; none if it does not say."""
    try:
        trials = json.loads(text).get("trials", ())
        return tuple(trial for trial in trials if check_component(trial) is None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ()
