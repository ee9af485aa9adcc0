"""Plan rankings: one for each data block, made by trainings or read from a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.exceptions import SpaceError
from search.schema.axes import AxisPoint
from search.schema.merging import nest_value, overlay_trial
from search.schema.prerequisites import Profile
from search.schema.ranking_file import FileRanks, RankingFile
from search.schema.space import LoadedSpace, build_config, set_at_path
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.methods import overlay
from trainers.plain_subsets import All
from trainers.record_io import Row, digest
from trainers.scores import SCORES
from trainers.sources import DataSource

ON_REQUEST = {  # scores that need a key of `evaluate:`
    "min_perturbation": "min_perturbation: {}",
    "instability_eval": "train: true",
    "difficulty_entropy": "entropy: true",
    "gradient_norm": "gradient_norm: true",
}


@dataclass(frozen=True)
class PlannedRanking:
    """A ranking that cuts the subsets of trials."""

    name: str  # a hash of everything it depends on
    data: DataSource
    by: Profile | FileRanks  # trainings in the plan, or a file
    scores: tuple[str, ...]
    provenance: Row


def plan_trained_ranking(
    profile: Profile, config: TrialConfig, chains: Sequence[str], evaluation: Evaluation
) -> PlannedRanking:
    """Plan the ranking that trainings of a configuration make; the last states of these trainings name it."""
    provenance: Row = {"chains": list(chains), "first_epoch": profile.first_epoch, "average": profile.average}
    distances = evaluation.min_perturbation
    provenance["min_perturbation"] = distances and distances.model_dump()
    recorded = {
        "instability_eval": evaluation.train,
        "difficulty_entropy": evaluation.entropy,
        "gradient_norm": evaluation.gradient_norm and config.method.counts_steps,
        "kappa": config.method.counts_steps,
        "min_perturbation": distances,
        "probability": config.data.holds_out,  # at the best checkpoint
    }
    scores = tuple(name for name in SCORES if recorded.get(name, True))
    return PlannedRanking(_name_ranking(provenance), config.data, profile, scores, provenance)


def plan_file_ranking(loaded: LoadedSpace, knobs: RankingFile, data: DataSource, identity: str) -> PlannedRanking:
    """Plan the ranking of a data block by a file, which its content names wherever it lies. Raises SpaceError."""
    try:
        file = knobs.read_ranks()
    except ValueError as error:
        raise SpaceError([loaded.format_problem(("profile", "file"), str(error))]) from None
    content = {"sha256": file.sha256} | knobs.model_dump(include={"score", "order"})
    name = _name_ranking(content | {"data": identity})
    return PlannedRanking(name, data, file, tuple(file.ranks), {"file": knobs.file} | content)


def _name_ranking(content: Row) -> str:
    return f"ranks-{digest(content)[:12]}"


def select_followed(profile: Profile, point: AxisPoint) -> AxisPoint:
    """Return the values of a trial that the trainings of its ranking follow."""
    return {path: choice for path, choice in point.items() if path in profile.follows}


def build_profile_config(loaded: LoadedSpace, profile: Profile, data: DataSource, taken: AxisPoint) -> TrialConfig:
    """Build the config, without a seed, of the trainings that rank a data block. Raises SpaceError if there is none."""
    problems = [loaded.format_problem(("profile", "follows"), why) for why in _explain_unfit_axes(loaded, profile)]
    if problems:
        raise SpaceError(problems)
    tree = {key: value for key, value in loaded.space.trial.items() if key not in ("data", "subset", "select")}
    for path in sorted(taken, key=lambda path: path.count(".")):
        tree = set_at_path(tree, path, taken[path].value)
    config = build_config(loaded, overlay_trial(tree, profile.trial), ("profile", "trial"))
    if not isinstance(config.subset, All):
        problems.append(
            loaded.format_problem(
                ("profile", "trial", "subset"), "a ranking is made by training on all examples; remove the key"
            )
        )
    if profile.first_epoch >= config.epochs:
        problems.append(
            loaded.format_problem(
                ("profile", "first_epoch"),
                f"should be an epoch of the trainings, 0 to {config.epochs - 1}; got {profile.first_epoch}",
            )
        )
    if problems:
        raise SpaceError(problems)
    return config.model_copy(update={"data": data})


def _explain_unfit_axes(loaded: LoadedSpace, profile: Profile) -> Iterator[str]:
    """Yield why axes in `follows` cannot be followed."""
    axes = loaded.space.search.axes
    for path in profile.follows:
        root, mark = path.partition(".")[0], object()
        value: Any = overlay(overlay(loaded.space.trial, nest_value(path, mark)), profile.trial)
        if path not in axes:
            yield f"should be axes of the search; got {path} (axes: {', '.join(axes)})"
        elif root in ("data", "subset"):
            what = "each data block has a ranking of its own anyway" if root == "data" else "a ranking cuts the subset"
            yield f"{what}; remove {path}"
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not mark:
            yield f"profile.trial sets {path} itself, whatever a trial has; remove one of them"
