"""Rankings as they are planned: made by trainings or read from a file, one for each block of data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.exceptions import SpaceError
from search.schema.axes import Point
from search.schema.merging import nested, over_trial
from search.schema.ranking_file import RankFile, RankingFile
from search.schema.space import Loaded, configured, set_at_path
from search.schema.upstream import Profile
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.methods import overlay
from trainers.record_io import Row, digest
from trainers.scores import SCORES
from trainers.sources import DataSource
from trainers.subsets import All

ON_REQUEST = {  # scores, of `evaluate:`
    "min_perturbation": "min_perturbation: {}",
    "instability_eval": "train: true",
    "difficulty_entropy": "entropy: true",
}


@dataclass(frozen=True)
class PlannedRanking:
    """A ranking that trials are cut by."""

    name: str  # of all that it depends on
    data: DataSource
    by: Profile | RankFile  # trainings, which are in the plan, or a file
    scores: tuple[str, ...]
    provenance: Row


def made_ranking(
    profile: Profile, config: TrialConfig, chains: Sequence[str], evaluation: Evaluation
) -> PlannedRanking:
    """The ranking that trainings of a configuration make, which the ends of their chains name."""
    provenance: Row = {"chains": list(chains), "first_epoch": profile.first_epoch, "average": profile.average}
    distances = evaluation.min_perturbation
    provenance["min_perturbation"] = distances and distances.model_dump()
    recorded = {
        "instability_eval": evaluation.train,
        "difficulty_entropy": evaluation.entropy,
        "kappa": config.method.counts_steps,
        "min_perturbation": distances,
        "probability": config.data.holds_out,  # at the best checkpoint
    }
    scores = tuple(name for name in SCORES if recorded.get(name, True))
    return PlannedRanking(_name(provenance), config.data, profile, scores, provenance)


def read_ranking(loaded: Loaded, knobs: RankingFile, data: DataSource, identity: str) -> PlannedRanking:
    """The ranking that a file has for a block of data: its content names it, wherever it lies. Raises SpaceError."""
    try:
        file = knobs.read()
    except ValueError as error:
        raise SpaceError([loaded.problem(("profile", "file"), str(error))]) from None
    content = {"sha256": file.sha256} | knobs.model_dump(include={"score", "order"})
    name = _name(content | {"data": identity})
    return PlannedRanking(name, data, file, tuple(file.ranks), {"file": knobs.file} | content)


def _name(content: Row) -> str:
    return f"ranks-{digest(content)[:12]}"


def followed(profile: Profile, point: Point) -> Point:
    """What a ranking's trainings take over from the trial that it cuts."""
    return {path: choice for path, choice in point.items() if path in profile.follows}


def profile_config(loaded: Loaded, profile: Profile, data: DataSource, taken: Point) -> TrialConfig:
    """The training that makes a ranking of a block of data, but for its seed. Raises SpaceError if none can."""
    problems = [loaded.problem(("profile", "follows"), why) for why in _unfit(loaded, profile)]
    if problems:
        raise SpaceError(problems)
    tree = {key: value for key, value in loaded.space.trial.items() if key not in ("data", "subset", "select")}
    for path in sorted(taken, key=lambda path: path.count(".")):
        tree = set_at_path(tree, path, taken[path].value)
    config = configured(loaded, over_trial(tree, profile.trial), ("profile", "trial"))
    if not isinstance(config.subset, All):
        problems.append(
            loaded.problem(
                ("profile", "trial", "subset"), "a ranking is made by training on all examples; remove the key"
            )
        )
    if profile.first_epoch >= config.epochs:
        problems.append(
            loaded.problem(
                ("profile", "first_epoch"),
                f"should be an epoch of the trainings, 0 to {config.epochs - 1}; got {profile.first_epoch}",
            )
        )
    if problems:
        raise SpaceError(problems)
    return config.model_copy(update={"data": data})


def _unfit(loaded: Loaded, profile: Profile) -> Iterator[str]:
    """Why axes cannot be followed."""
    axes = loaded.space.search.axes
    for path in profile.follows:
        root, mark = path.partition(".")[0], object()
        at: Any = overlay(overlay(loaded.space.trial, nested(path, mark)), profile.trial)
        if path not in axes:
            yield f"should be axes of the search; got {path} (axes: {', '.join(axes)})"
        elif root in ("data", "subset"):
            what = "there is a ranking for each block of data anyway" if root == "data" else "a ranking cuts the subset"
            yield f"{what}; remove {path}"
        for part in path.split("."):
            at = at.get(part) if isinstance(at, dict) else None
        if at is not mark:
            yield f"profile.trial says {path} itself, whatever a trial has; remove one of them"
