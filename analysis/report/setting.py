"""The common setting of a study's trainings, in words: model, method, optimizer, data, and how examples were ranked.

It is read from the configurations in the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.measures.stats import format_seeds
from trainers.record_io import Row
from trainers.wording import describe_config, describe_difference, find_common


def describe_setting(plan: Row) -> dict[str, str]:
    """Describe what all trials of a plan share, then how their rankings and start weights were made."""
    configs = {
        kind: [trial["config"] for trial in plan["trials"] if _is(trial, kind)] for kind in ("trial", "pretrain")
    }
    trials = find_common(configs["trial"])
    found = describe_config(trials)
    if rankings := plan.get("rankings", {}):
        made = [trial["config"] for trial in plan["trials"] if _is(trial, "profile")]
        found["ranking"] = _ranking(next(iter(rankings.values())), made, trials)
    if configs["pretrain"]:
        found["pretraining"] = describe_difference(find_common(configs["pretrain"]), trials)
    return {name: text for name, text in found.items() if text}


def _ranking(made_by: Row, configs: Sequence[Any], trials: Mapping[str, Any]) -> str:
    """Describe how the examples were ranked: by a file, or by which trainings and from which epochs."""
    if "file" in made_by:
        return f"the file {made_by['file']}"
    if not configs:
        return ""
    ranking_seeds = {config["seed"] for config in configs}  # the same for every ranking
    average = {"ranks": "ranks averaged", "scores": "scores averaged"}.get(made_by.get("average", ""), "averaged")
    start = f", losses from epoch {made_by['first_epoch']}" if made_by.get("first_epoch") else ""
    return (
        f"{average} over {format_seeds(len(ranking_seeds))}{start}; {describe_difference(find_common(configs), trials)}"
    )


def _is(trial: Row, kind: str) -> bool:
    return trial["kind"] == kind and isinstance(trial.get("config"), Mapping)
