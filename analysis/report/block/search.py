"""What only a search has: what it had found after each configuration, which knobs matter, and what it stopped."""

from __future__ import annotations

import math
from typing import Any

from analysis.report.block.json_text import round_number, round_numbers
from analysis.report.block.rows import Rows
from analysis.results.search_block import is_search
from trainers.terminal.text import escape_controls

SHARE_DIGITS = 4
UNKNOWN_RULE = "a rule that was not recorded"


def find_kind(rows: Rows) -> str:
    """Return "search" if all sweeps are searches, else "study"."""
    return "search" if all(map(is_search, rows.results)) else "study"


def build_history(rows: Rows) -> dict[str, Any] | None:
    """Build the best of each objective so far, and the hypervolume; None for several sweeps, and for a study.

    `order` are the configurations that have ended, and `lost` those of them without a value.
    """
    if len(rows.reports) > 1 or find_kind(rows) == "study":
        return None
    history = rows.reports[0].history
    if history is None:
        return None
    places = rows.find_places(0)
    volume = history.hypervolume
    return {
        "order": [places[name] for name in history.configurations],
        "lost": [places[name] for name in history.lost],
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
    """Build a row for each configuration that a rule stopped; None without any.

    It says after how many of the `planned` epochs of a training which part of the rule stopped it, by which numbers,
    and how many epochs that saved over its seeds.
    """
    stops: dict[int, dict[str, Any]] = {}
    for _, sweep, trials in rows.split():
        columns = trials[["id", "place", "epochs_done", "epochs_planned"]]
        for trial, place, done, planned in columns.astype({"epochs_planned": float}).itertuples(index=False):
            stopped = sweep.outcomes.get(trial, {}).get("stopped")
            if stopped:
                first = {
                    "configuration": place,
                    "epoch": stopped.get("epoch", int(done)),
                    "rule": escape_controls(str(stopped.get("rule") or UNKNOWN_RULE)),
                    "reason": escape_controls(str(stopped.get("reason", ""))),
                    "planned": None if math.isnan(planned) else int(planned),
                    "saved": 0,
                }
                stop = stops.setdefault(place, first)
                stop["saved"] += 0 if math.isnan(planned) else int(planned) - int(done)
    return [stops[place] for place in sorted(stops)] or None
