"""What the trainings of a study have in common, in words: model, method, optimizer, data, and how examples were ranked.

Read from the configurations in its plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.stats import format_seeds
from trainers.records import Row
from trainers.wording import apart, common, told


def describe_setting(plan: Row) -> dict[str, str]:
    """Names and what they are, of all trials of a plan; then how their rankings and first weights were made."""
    of = {kind: [trial["config"] for trial in plan["trials"] if _is(trial, kind)] for kind in ("trial", "pretrain")}
    trials = common(of["trial"])
    found = told(trials)
    if rankings := plan.get("rankings", {}):
        made = [trial["config"] for trial in plan["trials"] if _is(trial, "profile")]
        found["ranking"] = _ranking(next(iter(rankings.values())), made, trials)
    if of["pretrain"]:
        found["pretraining"] = apart(common(of["pretrain"]), trials)
    return {name: text for name, text in found.items() if text}


def _ranking(made_by: Row, configs: Sequence[Any], trials: Mapping[str, Any]) -> str:
    """How the examples were ranked: by a file, or by which trainings, of all rankings, and from which epochs."""
    if "file" in made_by:
        return f"the file {made_by['file']}"
    if not configs:
        return ""
    own = {config["seed"] for config in configs}  # the same for every ranking
    average = {"ranks": "ranks averaged", "scores": "scores averaged"}.get(made_by.get("average", ""), "averaged")
    start = f", losses from epoch {made_by['first_epoch']}" if made_by.get("first_epoch") else ""
    return f"{average} over {format_seeds(len(own))}{start}; {apart(common(configs), trials)}"


def _is(trial: Row, kind: str) -> bool:
    return trial["kind"] == kind and isinstance(trial.get("config"), Mapping)
