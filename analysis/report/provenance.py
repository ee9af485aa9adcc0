"""The extent, data, cost and origin of a sweep, in words for the head and the foot of a report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from analysis.measures.stats import format_seed_counts
from analysis.report.data import ReportData
from analysis.results.search_block import read_search_block
from analysis.results.sweep import Sweep
from trainers.formatting import format_count, format_duration
from trainers.run_commands import list_commands
from trainers.wording import format_value

RULES = ("objectives", "constraints", "stopping", "budget")  # blocks of a search that are written unchanged
COMMANDS = ("command", "redraw")  # of what `describe_provenance` returns, one a line
LONGEST = 600  # letters that describe an axis


def describe_extent(found: ReportData) -> str:
    """Say in one sentence how much was planned."""
    replicates = found.results.study_trials.groupby("configuration")["replicate"].nunique()
    parts = [f"{format_count(len(replicates), 'configuration')} × {format_seed_counts(replicates)}"]
    kinds = found.results.trials["kind"].value_counts()
    named = (("profile", "profiling trials"), ("pretrain", "pretrainings"))
    return ", ".join([*parts, *(f"{kinds[kind]} {name}" for kind, name in named if kind in kinds)]) + "."


def describe_run(found: ReportData) -> dict[str, str]:
    """Describe axes, attacks, data and cost."""
    results = found.results
    axes = {path: _axis(results, path) for path in results.axes.varying}
    data = {json.dumps(outcome.get("data", {})): None for outcome in results.outcomes.values()}
    runs = results.runs
    wall = sum(run.get("wall_seconds") or 0.0 for run in runs)
    return {
        **{path: labels if len(labels) < LONGEST else f"{labels[:LONGEST]}…" for path, labels in axes.items()},
        **_search(results),
        **{f"attack {name}": text for name, text in results.attacks.items()},
        "data": "; ".join(_data(json.loads(block)) for block in data),
        "date": str(runs[-1].get("ended") or runs[-1].get("started", "")) if runs else "",
        "wall time": f"{format_duration(wall)} in {len(runs)} run{'s' * (len(runs) > 1)}" if wall else "",
        "time in trials": describe_time(results),
    }


def _axis(results: Sweep, path: str) -> str:
    """Write an axis' labels, with the values of those that stand for more than a word or a number."""
    axes = results.axes
    if not any(isinstance(value, Mapping) for value in axes.values[path].values()):
        return axes.span(path)
    values = {label: format_value(axes.values[path][label]) for label in axes.order[path]}
    return "; ".join(label if text in ("", label) else f"{label} ({text})" for label, text in values.items())


def _search(results: Sweep) -> dict[str, str]:
    """Describe how the trials were chosen and what may stop them early, as far as the space says."""
    block = read_search_block(results)
    drawn = ", ".join(
        text.format(block[key])
        for key, text in (("strategy", "{}"), ("trials", "{} configurations"), ("generation", "{} at once"))
        if block.get(key)
    )
    return ({"search": drawn} if block else {}) | {key: _plainly(block[key]) for key in RULES if block.get(key)}


def _plainly(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plainly(part)}" for key, part in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list) else str(value)


def describe_time(results: Sweep) -> str:
    """Write the cost of all trainings, and the cost if none had reused epochs of another."""
    billed, alone = (float(results.trials[f"seconds_{how}"].sum()) for how in ("billed", "alone"))
    return format_duration(billed) + (
        f" billed; {format_duration(alone)} if each had trained alone" if alone > billed else ""
    )


def list_fixed_draws(results: Sweep) -> str:
    """List the random draws of the study that are the same for all seeds."""
    flipped = any(outcome.get("data", {}).get("flipped") for outcome in results.outcomes.values())
    ranked = any(trial.get("ranks") for trial in results.plan["trials"])
    once = ["one data split", *["one draw of flipped labels"] * flipped, *["one ranking"] * ranked]
    return " and ".join(filter(None, [", ".join(once[:-1]), once[-1]]))


def describe_provenance(found: ReportData) -> dict[str, str]:
    """Describe where the numbers come from."""
    run = found.results.runs[-1] if found.results.runs else {}
    versions = {"python": run.get("python")} | run.get("versions", {})
    return {
        "command": "\n".join(list_commands(found.results.runs)),
        "commit": run.get("commit") or "",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "host": run.get("host") or "",
        "trained on": "; ".join(
            f"{device} ({format_count(epochs, 'epoch')})" for device, epochs in run.get("devices", {}).items()
        ),
        "redraw": shlex.join(["python", "-m", "analysis.report", found.results.where]),
    }


def _data(block: Mapping[str, Any]) -> str:
    sizes = [f"{block[split]} {split}" for split in ("train", "val", "test") if split in block]
    words = {"classes": "classes", "flipped": "flipped training labels"}
    extra = [f"{block[key]} {word}" for key, word in words.items() if block.get(key)]
    return ", ".join([*sizes, *extra])
