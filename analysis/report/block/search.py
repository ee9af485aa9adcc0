"""What only a search has: what it had found after each configuration, which knobs matter, and what it stopped."""

from __future__ import annotations

from typing import Any

from analysis.measures.history import measure_history
from analysis.report.block.endings import describe_stop
from analysis.report.block.json_text import round_number, round_numbers
from analysis.report.block.rows import Rows, is_search

SHARE_DIGITS = 4


def find_kind(rows: Rows) -> str:
    """Return "search" if all sweeps are searches, else "study"."""
    return "search" if all(map(is_search, rows.results)) else "study"


def build_history(rows: Rows) -> dict[str, Any] | None:
    """Build the best of each objective so far, and the hypervolume; None for several sweeps, and for a study."""
    if len(rows.reports) > 1 or find_kind(rows) == "study":
        return None
    history = measure_history(rows.results[0])
    if history is None:
        return None
    places = rows.find_places(0)
    volume = history.hypervolume
    return {
        "order": [places[name] for name in history.configurations],
        "best": {metric: round_numbers(values) for metric, values in history.best.items()},
        "hypervolume": None if volume is None else round_numbers(volume),
    }


def build_importance(rows: Rows) -> dict[str, list[dict[str, Any]]] | None:
    """Build the importance of each knob for each objective, with one jackknife error to each side; None without any."""
    if len(rows.reports) > 1 or rows.reports[0].importance is None:
        return None
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.reports[0].importance.table.to_dict("records"):
        numbers = {name: round_number(row[name], SHARE_DIGITS) for name in ("mean", "lo", "hi")}
        names = {"setting": row["setting"], "knob": row["axis"], "method": row["evaluator"]}
        found.setdefault(row["objective"], []).append(names | numbers)
    return found


def build_stopping(rows: Rows) -> list[dict[str, Any]] | None:
    """Build for each configuration that a rule stopped after how many epochs it did, and why; None without any."""
    stops: dict[int, dict[str, Any]] = {}
    for _, sweep, trials in rows.split():
        for trial, place, done in trials[["id", "place", "epochs_done"]].itertuples(index=False):
            outcome = sweep.outcomes.get(trial, {})
            if "stopped" in outcome:
                epoch = outcome["stopped"].get("epoch", int(done))
                stop = {"configuration": place, "epoch": epoch, "reason": describe_stop(outcome)}
                stops.setdefault(place, stop)
    return [stops[place] for place in sorted(stops)] or None
