"""What ran, on what and at what cost, in words for the head and the foot of a report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from analysis.report_data import ReportData
from analysis.results import Results
from analysis.selection import read_search_block
from analysis.stats import format_count, format_seed_counts
from trainers.wording import words

RULES = ("objectives", "constraints", "stopping", "budget")  # of a search that are written as they stand
LONGEST = 600  # letters of what an axis is


def describe_extent(found: ReportData) -> str:
    """How much was planned, in one sentence."""
    replicates = found.results.sweep.groupby("configuration")["replicate"].nunique()
    parts = [f"{format_count(len(replicates), 'configuration')} × {format_seed_counts(replicates)}"]
    kinds = found.results.trials["kind"].value_counts()
    named = (("profile", "profiling trials"), ("pretrain", "pretrainings"))
    return ", ".join([*parts, *(f"{kinds[kind]} {name}" for kind, name in named if kind in kinds)]) + "."


def describe_run(found: ReportData) -> dict[str, str]:
    """Axes, attacks, data and cost, in words."""
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


def _axis(results: Results, path: str) -> str:
    """An axis' labels, and of those that name more than a word or a number what they stand for."""
    axes = results.axes
    if not any(isinstance(value, Mapping) for value in axes.values[path].values()):
        return axes.span(path)
    stand = {label: words(axes.values[path][label]) for label in axes.order[path]}
    return "; ".join(label if text in ("", label) else f"{label} ({text})" for label, text in stand.items())


def _search(results: Results) -> dict[str, str]:
    """How the trials were chosen and what may end them sooner, as far as the space says it."""
    block = read_search_block(results)
    drawn = ", ".join(
        text.format(block[key])
        for key, text in (("strategy", "{}"), ("trials", "{} configurations"), ("generation", "{} at once"))
        if block.get(key)
    )
    return ({"search": drawn} if block else {}) | {key: _plainly(block[key]) for key in RULES if block.get(key)}


def _plainly(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plainly(its)}" for key, its in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list) else str(value)


def describe_time(results: Results) -> str:
    """What all trainings cost, and what they would have if none had taken epochs from another."""
    billed, alone = (float(results.trials[f"seconds_{how}"].sum()) for how in ("billed", "alone"))
    return format_duration(billed) + (
        f" billed; {format_duration(alone)} if each had trained alone" if alone > billed else ""
    )


def describe_provenance(found: ReportData) -> dict[str, str]:
    """Where the numbers come from."""
    run = found.results.runs[-1] if found.results.runs else {}
    versions = {"python": run.get("python")} | run.get("versions", {})
    return {
        "command": run.get("command") or "",
        "commit": run.get("commit") or "",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "host": run.get("host") or "",
        "redraw": f"python -m analysis.report {found.results.where}",
    }


def format_duration(seconds: float) -> str:
    """A time in the two largest units that matter."""
    if not math.isfinite(seconds):
        return ""
    for unit, name, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name} {int(seconds % unit // small)} {smaller}"
    return f"{seconds:.0f} s"


def _data(block: Mapping[str, Any]) -> str:
    sizes = [f"{block[split]} {split}" for split in ("train", "val", "test") if split in block]
    words = {"classes": "classes", "flipped": "flipped training labels"}
    extra = [f"{block[key]} {word}" for key, word in words.items() if block.get(key)]
    return ", ".join([*sizes, *extra])
