"""How the trainings of a configuration ended, as one status with its reason in words, and how far the sweep is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.report.block.rows import Rows
from analysis.report.progress import join_progress
from analysis.results.sweep import Sweep
from analysis.results.trial_table import BEGUN, COMPLETED, DIVERGED, EPOCHS, PLANNED, STOPPED
from trainers.formatting import format_count
from trainers.record_reader import read_with
from trainers.terminal.text import escape_controls

FAILED = "failed"
STATUSES = {  # of a training in the table of trials -> of its configuration; the first that any seed has is told
    DIVERGED: DIVERGED,
    FAILED: FAILED,
    "damaged": FAILED,
    STOPPED: STOPPED,
    BEGUN: BEGUN,
    PLANNED: PLANNED,
}


def describe_ending(sweeps: Sequence[Sweep], trials: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the status of a configuration, whose seeds are `trials`, and its reason; empty if all completed."""
    known = {trial["status"] for trial in trials}
    status = next((status for status in STATUSES if status in known), COMPLETED)
    if status == COMPLETED:
        return COMPLETED, ""
    found = [trial for trial in trials if trial["status"] == status]
    why = escape_controls(_explain(sweeps[found[0]["sweep"]], found[0]))
    if status == STOPPED:  # by one decision for all seeds
        return STOPPED, why
    many = f"{len(found)} of {format_count(len(trials), 'seed')} {_say(status)}"
    return STATUSES[status], f"{many}: {why}" if why else many


def _say(status: str) -> str:
    words = {
        BEGUN: "not yet trained to the end",
        PLANNED: "not trained yet",
        "damaged": "without a readable result",
    }
    return words.get(status, status)


def _explain(sweep: Sweep, trial: Mapping[str, Any]) -> str:
    """Say why a training has no result, by its own records."""
    outcome = sweep.outcomes.get(trial["id"], {})
    if trial["status"] == STOPPED:
        return describe_stop(outcome)
    if trial["status"] == DIVERGED:
        return str(outcome.get("diverged", {}).get("why", ""))
    if trial["status"] == FAILED:
        error = sweep.folder / "trials" / trial["id"] / "error.txt"
        text = read_with(error, lambda content: content.decode(errors="replace"), sweep.damage) or ""
        return (text.strip().splitlines() or ["no traceback was saved"])[-1]
    return ""


def describe_stop(outcome: Mapping[str, Any]) -> str:
    """Return which part of a rule stopped a training, by its result, and by which numbers: "no new best: …"."""
    stop = outcome.get("stopped", {})
    return escape_controls(": ".join(filter(None, (str(stop.get("rule", "")), str(stop.get("reason", ""))))))


def describe_state(rows: Rows) -> dict[str, Any]:
    """Say how far the sweeps are, and when their records were last written."""
    progress = join_progress(rows.results)
    times = [_find_time(sweep, trials["id"].tolist()) for _, sweep, trials in rows.split()]
    return {
        "state": progress.state,
        "text": progress.text,
        "written": max(filter(None, times), default=None),
    }


def _find_time(sweep: Sweep, trials: list[str]) -> str | None:
    """Return when a sweep's records were last written: the end of its last run, else by their files."""
    ended: datetime | None
    try:
        ended = datetime.fromisoformat(str(sweep.runs[-1]["ended"]))
    except (IndexError, KeyError, ValueError):
        names = (EPOCHS, "result.json")
        paths = (sweep.folder / "trials" / trial / name for trial in trials for name in names)
        seconds = max(filter(None, map(_find_change, paths)), default=None)
        ended = datetime.fromtimestamp(seconds, UTC) if seconds else None
    return ended.astimezone(UTC).isoformat(timespec="seconds") if ended else None


def _find_change(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
